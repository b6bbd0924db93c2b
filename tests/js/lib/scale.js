// As much of SCALE as SPB's messages need, written anew so that it checks the Rust code and not
// itself (https://docs.polkadot.com/polkadot-protocol/parachain-basics/data-encoding/).

export const concat = (...parts) => {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

export const hex = (bytes) => `0x${Buffer.from(bytes).toString('hex')}`;

/** The bytes of `0x..`; anything else is an error, where Buffer would stop short. */
export const bytes = (text) => {
  if (!/^0x([0-9a-f]{2})*$/.test(text)) throw new Error(`no hexadecimal bytes: ${text}`);
  return Uint8Array.from(Buffer.from(text.slice(2), 'hex'));
};

export const ascii = (text) => Uint8Array.from(Buffer.from(text, 'ascii'));

/** A number in `length` bytes, the least first. */
export const littleEndian = (number, length) => {
  let rest = BigInt(number);
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) {
    out[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  if (rest !== 0n) throw new Error(`${number} does not fit ${length} bytes`);
  return out;
};

export const u8 = (number) => littleEndian(number, 1);
export const u16 = (number) => littleEndian(number, 2);
export const u32 = (number) => littleEndian(number, 4);
export const u64 = (number) => littleEndian(number, 8);
export const u128 = (number) => littleEndian(number, 16);

/** A number in as few bytes as it needs; the two lowest bits of the first say which way. */
export const compact = (number) => {
  const value = BigInt(number);
  if (value < 1n << 6n) return littleEndian(value << 2n, 1);
  if (value < 1n << 14n) return littleEndian((value << 2n) | 1n, 2);
  if (value < 1n << 30n) return littleEndian((value << 2n) | 2n, 4);
  const length = Math.ceil(value.toString(16).length / 2);
  return concat(u8(((length - 4) << 2) | 3), littleEndian(value, length));
};

export const list = (encoded) => concat(compact(encoded.length), ...encoded);

export const option = (encoded) => (encoded === null ? u8(0) : concat(u8(1), encoded));
