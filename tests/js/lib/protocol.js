// SPB's messages, ids, payloads and trees, after docs/protocol.md and not after the Rust code.
// Hashes, keys and signatures are bytes; numbers are numbers or BigInt.

import { blake2AsU8a } from '@polkadot/util-crypto';
import { ascii, compact, concat, list, option, u16, u32, u8 } from './scale.js';

export const hash = (...parts) => blake2AsU8a(concat(...parts), 256);

/** What is signed, or hashed to an id: the tag, the genesis hash, the content. */
export const payload = (tag, genesis, ...content) => concat(ascii(tag), genesis, ...content);

const SIGNATURE_KINDS = ['Ed25519', 'Sr25519', 'Ecdsa', 'Eth'];

export const signature = ({ kind, bytes }) => {
  const number = SIGNATURE_KINDS.indexOf(kind);
  if (number < 0) throw new Error(`unknown kind of signature: ${kind}`);
  return concat(u8(number), bytes);
};

export const ctp = ({ vault, offer, energy, amount, expiry, receiptKey }) =>
  concat(...[vault, offer, energy, amount, expiry].map(compact), receiptKey);

export const ctpIdPayload = (genesis, encodedCtp) => payload('spb/id/1', genesis, encodedCtp);
export const ctpId = (genesis, encodedCtp) => hash(ctpIdPayload(genesis, encodedCtp));
export const ctpPayload = (genesis, encodedCtp) => payload('spb/ctp1', genesis, encodedCtp);
export const poolSlot = (id) => id[31] % 64;

export const signedCtp = (encodedCtp, by) => concat(encodedCtp, signature(by));

export const quotePayload = (genesis, id) => payload('spb/quo1', genesis, id);

export const receiptKey = (oneTimeKey) => hash(oneTimeKey);
export const oneTimeSeed = (seed, tree, leaf) =>
  hash(ascii('spb/key1'), seed, u32(tree), u32(leaf));

export const certificatePayload = (genesis, manufacturer, meter) =>
  payload('spb/mtr1', genesis, u16(manufacturer), meter);
export const coePayload = (genesis, root, leaves, validUntil) =>
  payload('spb/coe1', genesis, root, u32(leaves), u32(validUntil));
export const coe = (coe) =>
  concat(
    coe.root,
    u32(coe.leaves),
    u32(coe.validUntil),
    coe.signer,
    u16(coe.manufacturer),
    coe.certificate,
    coe.signature,
  );
export const coeRequest = (request) =>
  concat(
    request.root, u32(request.leaves), u32(request.validUntil), request.requester,
    u16(request.manufacturer), request.certificate, request.signature,
  );
export const meterProof = (index, path, encodedCoe) =>
  concat(u32(index), list(path), encodedCoe);

export const ercPayload = (genesis, id, delivered, at) =>
  payload('spb/erc1', genesis, id, u32(delivered), u32(at));
export const erc = ({ ctp, delivered, at, key, signature }) =>
  concat(ctp, u32(delivered), u32(at), key, signature);

export const accountPayload = (genesis, account, company, validUntil) =>
  payload('spb/crt1', genesis, account, company, u32(validUntil));
export const certificate = ({ account, company, validUntil, signature: by }) =>
  concat(account, company, u32(validUntil), signature(by));

export const addition = (encodedSignedCtp, encodedProof, encodedQuote) =>
  concat(encodedSignedCtp, encodedProof, option(encodedQuote));
export const sidecar = (additions, ercs) => concat(list(additions), list(ercs));
export const settlement = (encodedSignedCtp, delivered) =>
  concat(encodedSignedCtp, compact(delivered));
export const commit = (encodedAddition) => concat(u8(0), encodedAddition);
export const confirm = (encodedErc, encodedProof) => concat(u8(1), encodedErc, encodedProof);
export const databaseDigest = (root, sidecarHash) => concat(root, sidecarHash);
/** `DigestItem::Consensus(*b"spb1", ..)`. */
export const digestItem = (digest) =>
  concat(u8(4), ascii('spb1'), compact(digest.length), digest);

/** All rows of the tree over receipt keys, from the leaves' hashes to the root. */
const rows = (keys) => {
  const all = [keys.map((key) => hash(key))];
  while (all.at(-1).length > 1) {
    const below = all.at(-1);
    const row = [];
    for (let at = 0; at < below.length; at += 2) {
      row.push(at + 1 < below.length ? hash(below[at], below[at + 1]) : below[at]);
    }
    all.push(row);
  }
  return all;
};

export const treeRoot = (keys) => rows(keys).at(-1)[0];

/** The hashes beside the way from a leaf to the root. */
export const treePath = (keys, index) =>
  rows(keys)
    .map((row, height) => row[(index >> height) ^ 1])
    .filter((sibling) => sibling !== undefined);

/** An entry's key: expiry, the greatest byte first, then the id. */
export const entryKey = (expiry, id) => concat(u32(expiry).reverse(), id);

const bit = (key, number) => (key[number >> 3] >> (7 - (number & 7))) & 1;

/** The root over `{ key, leaf }`, bit by bit. */
export const databaseRoot = (entries, at = 0) => {
  if (entries.length === 0) return new Uint8Array(32);
  if (entries.length === 1) return entries[0].leaf;
  const [left, right] = [0, 1].map((side) => entries.filter(({ key }) => bit(key, at) === side));
  if (left.length === 0 || right.length === 0) return databaseRoot(entries, at + 1);
  return hash(databaseRoot(left, at + 1), databaseRoot(right, at + 1));
};

/** The root that a proof leads to from an entry. */
export const provenRoot = ({ key, leaf }, steps) =>
  steps.reduce(
    (below, step) =>
      bit(key, step.bit) === 1 ? hash(step.sibling, below) : hash(below, step.sibling),
    leaf,
  );

export const inclusionProof = (steps) =>
  list(steps.map((step) => concat(u16(step.bit), step.sibling)));

/** `ceil(price x energy / 1000)`, or null above 128 bits. */
export const listedPrice = (price, energy) => {
  const listed = (BigInt(price) * BigInt(energy) + 999n) / 1000n;
  return listed < 1n << 128n ? listed : null;
};

/** Who gets what of a CTP's amount, or null where nothing or too much was delivered. */
export const split = (amount, fee, delivered, energy) => {
  if (delivered === 0 || delivered > energy) return null;
  const taken = BigInt(fee) < BigInt(amount) ? BigInt(fee) : BigInt(amount);
  const payable = BigInt(amount) - taken;
  const payment = (payable * BigInt(delivered)) / BigInt(energy);
  return { payment, fee: taken, released: payable - payment };
};
