// The golden vectors, recomputed from their inputs with code of our own: whoever writes a client
// from docs/protocol.md gets the same bytes as the Rust code.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import {
  cryptoWaitReady,
  ed25519PairFromSeed,
  ed25519Sign,
  ed25519Verify,
} from '@polkadot/util-crypto';
import * as spb from './lib/protocol.js';
import { ascii, bytes, concat, hex, list, u128, u16, u32, u64, u8 } from './lib/scale.js';

const golden = JSON.parse(
  readFileSync(new URL('../../primitives/vectors/golden.json', import.meta.url), 'utf8'),
);
const genesis = bytes(golden.genesis);
const named = (list, name) => {
  const found = list.find((entry) => entry.name === name);
  assert.ok(found, `no vector is called ${name}`);
  return found;
};
const same = (computed, stored, what) => assert.equal(hex(computed), stored, what);
const keyOf = (name) => ed25519PairFromSeed(bytes(golden.keys[name].seed));
const signatureOf = ({ kind, bytes: text }) => ({ kind, bytes: bytes(text) });

const encodedCtp = (vector) => spb.ctp({ ...vector, receiptKey: bytes(vector.receiptKey) });
const ordinary = () => encodedCtp(named(golden.ctps, 'ordinary'));
const ordinaryId = () => spb.ctpId(genesis, ordinary());
const encodedSigned = (name) => {
  const signed = named(golden.signedCtps, name);
  return spb.signedCtp(
    encodedCtp(named(golden.ctps, signed.ctp)),
    signatureOf(signed.signature),
  );
};
const encodedCoe = () => {
  const { root, signer, certificate, signature } = golden.coe;
  return spb.coe({
    ...golden.coe,
    root: bytes(root),
    signer: bytes(signer),
    certificate: bytes(certificate),
    signature: bytes(signature),
  });
};
const encodedProof = () =>
  spb.meterProof(golden.meterProof.index, golden.meterProof.path.map(bytes), encodedCoe());
const encodedErc = () =>
  spb.erc({
    ...golden.erc,
    ctp: ordinaryId(),
    key: bytes(golden.erc.key),
    signature: bytes(golden.erc.signature),
  });
const encodedQuote = () => spb.signature(signatureOf(golden.quote.signature));
const addition = (quote) => spb.addition(encodedSigned('ed25519'), encodedProof(), quote);
const oneTimeKey = (tree, leaf) =>
  ed25519PairFromSeed(spb.oneTimeSeed(bytes(golden.meterSeed), tree, leaf));
const receiptKeys = (tree, leaves) =>
  Array.from({ length: leaves }, (_, leaf) => spb.receiptKey(oneTimeKey(tree, leaf).publicKey));

/** ed25519 signatures are deterministic (RFC 8032), so they can be made as well as verified. */
const signedBy = (pair, payload, stored, what) => {
  same(ed25519Sign(payload, pair), stored, what);
  assert.ok(ed25519Verify(payload, bytes(stored), pair.publicKey), what);
  const other = Uint8Array.from(payload);
  other[8] ^= 1;
  assert.ok(!ed25519Verify(other, bytes(stored), pair.publicKey), `${what}: another chain`);
};

before(() => cryptoWaitReady());

test('every section of the file is recomputed here', () => {
  assert.deepEqual(Object.keys(golden).sort(), [
    'about', 'additions', 'certificate', 'coe', 'constants', 'ctps', 'databases', 'digest',
    'entries', 'erc', 'genesis', 'keys', 'limits', 'listedPrices', 'messages', 'meterProof',
    'meterSeed', 'oneTimeKeys', 'parameters', 'quote', 'refusals', 'relay', 'settlements',
    'sidecars', 'signedCtps', 'splits', 'tags', 'trees',
  ]);
});

describe('keys and tags', () => {
  test('keys come from their seeds', () => {
    for (const [name, { public: key }] of Object.entries(golden.keys)) {
      same(keyOf(name).publicKey, key, name);
    }
  });

  test('tags are distinct and eight bytes long', () => {
    const tags = Object.values(golden.tags);
    assert.equal(new Set(tags).size, 12);
    for (const tag of tags) assert.match(tag, /^spb\/[a-z/]{3}[0-9]$/);
  });

  test('constants are those this code counts on', () => {
    assert.deepEqual(golden.constants, {
      decimals: 12,
      engineId: 'spb1',
      entryKeyLength: 36,
      maxPath: 16,
      maxTreeLeaves: 65536,
      poolSlots: 64,
      poolTagPrefix: 'spb/',
    });
  });
});

describe('messages', () => {
  test('CTPs, their ids and payloads', () => {
    assert.equal(golden.ctps.length, 4);
    for (const vector of golden.ctps) {
      const encoded = encodedCtp(vector);
      const id = spb.ctpId(genesis, encoded);
      same(encoded, vector.encoded, vector.name);
      same(spb.ctpIdPayload(genesis, encoded), vector.idPayload, vector.name);
      same(id, vector.id, vector.name);
      same(spb.ctpPayload(genesis, encoded), vector.payload, vector.name);
      assert.equal(spb.poolSlot(id), vector.poolSlot, vector.name);
    }
  });

  test('signed CTPs of every kind of account', () => {
    const kinds = golden.signedCtps.map(({ signature }) => signature.kind);
    assert.deepEqual(kinds, ['Ed25519', 'Sr25519', 'Ecdsa', 'Eth']);
    for (const vector of golden.signedCtps) {
      const encoded = encodedSigned(vector.name);
      same(encoded, vector.encoded, vector.name);
      same(spb.hash(encoded), vector.leaf, vector.name);
    }
    const { signature } = named(golden.signedCtps, 'ed25519');
    signedBy(keyOf('owner'), spb.ctpPayload(genesis, ordinary()), signature.bytes, 'CTP');
  });

  test('the quote', () => {
    const { payload, signature, encoded } = golden.quote;
    same(spb.quotePayload(genesis, ordinaryId()), payload);
    signedBy(keyOf('producer'), bytes(payload), signature.bytes, 'quote');
    same(encodedQuote(), encoded);
  });

  test('the ERC', () => {
    const { delivered, at, key, payload, signature, encoded } = golden.erc;
    same(spb.ercPayload(genesis, ordinaryId(), delivered, at), payload);
    const pair = oneTimeKey(golden.coe.tree, golden.meterProof.index);
    same(pair.publicKey, key);
    same(spb.receiptKey(pair.publicKey), named(golden.ctps, 'ordinary').receiptKey);
    signedBy(pair, bytes(payload), signature, 'ERC');
    same(encodedErc(), encoded);
  });

  test('the certificate of an energy company', () => {
    const { account, company, validUntil, payload, signature, encoded } = golden.certificate;
    const [accountKey, companyKey] = [bytes(account), bytes(company)];
    same(spb.accountPayload(genesis, accountKey, companyKey, validUntil), payload);
    assert.equal(company, golden.keys.company.public);
    signedBy(keyOf('company'), bytes(payload), signature.bytes, 'certificate');
    const by = signatureOf(signature);
    same(
      spb.certificate({ account: accountKey, company: companyKey, validUntil, signature: by }),
      encoded,
    );
  });

  test('additions, messages and sidecars', () => {
    const [plain, quoted] = [addition(null), addition(encodedQuote())];
    same(plain, named(golden.additions, 'plain').encoded);
    same(quoted, named(golden.additions, 'quoted').encoded);
    same(spb.commit(plain), named(golden.messages, 'commit').encoded);
    same(spb.commit(quoted), named(golden.messages, 'commitWithQuote').encoded);
    same(spb.confirm(encodedErc(), encodedProof()), named(golden.messages, 'confirm').encoded);
    const sidecars = {
      empty: spb.sidecar([], []),
      full: spb.sidecar([plain, quoted], [encodedErc()]),
    };
    for (const [name, sidecar] of Object.entries(sidecars)) {
      const vector = named(golden.sidecars, name);
      same(sidecar, vector.encoded, name);
      same(spb.hash(sidecar), vector.hash, name);
    }
  });

  test('settlements: the entry byte for byte, then what was delivered', () => {
    assert.equal(golden.settlements.length, 2);
    for (const vector of golden.settlements) {
      const ctp = encodedCtp(named(golden.ctps, vector.ctp));
      const entry = spb.signedCtp(ctp, signatureOf(vector.signature));
      const settlement = spb.settlement(entry, vector.delivered);
      same(settlement, vector.encoded, vector.name);
      assert.equal(settlement.length, vector.length, vector.name);
    }
    assert.ok(named(golden.settlements, 'ordinary').length <= 125);
  });

  test('the digest and its item in the header', () => {
    const { databaseRoot, sidecarHash, encoded, item } = golden.digest;
    const digest = spb.databaseDigest(bytes(databaseRoot), bytes(sidecarHash));
    same(digest, encoded);
    same(spb.digestItem(digest), item);
    assert.equal(sidecarHash, named(golden.sidecars, 'empty').hash);
  });

  test('parameters and limits', () => {
    const { values: p } = golden.parameters;
    const blocks = [p.minLifetime, p.maxLifetime, p.grace, p.evidenceWindow].map(u32);
    same(concat(...blocks, u64(p.slotDuration)), golden.parameters.encoded);
    const { values: l } = golden.limits;
    const counts = [l.maxSettlements, l.maxOpen, l.maxOpenPerVault, l.maxSidecar].map(u32);
    same(concat(u128(l.fee), u128(l.minAmount), ...counts), golden.limits.encoded);
  });
});

describe('trees of receipt keys', () => {
  test('one-time keys', () => {
    assert.equal(golden.oneTimeKeys.length, 5);
    for (const { tree, leaf, seed, public: key, receiptKey } of golden.oneTimeKeys) {
      const what = `tree ${tree}, leaf ${leaf}`;
      same(spb.oneTimeSeed(bytes(golden.meterSeed), tree, leaf), seed, what);
      same(oneTimeKey(tree, leaf).publicKey, key, what);
      same(spb.receiptKey(bytes(key)), receiptKey, what);
    }
  });

  test('roots and paths', () => {
    const sizes = golden.trees.map(({ paths }) => paths.length);
    assert.deepEqual(sizes, [1, 2, 3, 5, 7, 8, 11]);
    for (const { tree, receiptKeys: stored, root, paths } of golden.trees) {
      const keys = receiptKeys(tree, paths.length);
      assert.deepEqual(keys.map(hex), stored, `tree ${tree}`);
      same(spb.treeRoot(keys), root, `tree ${tree}`);
      paths.forEach((path, leaf) => {
        assert.deepEqual(spb.treePath(keys, leaf).map(hex), path, `tree ${tree}, leaf ${leaf}`);
      });
    }
  });

  test('the CoE and the meter proof', () => {
    const { tree, root, leaves, validUntil, manufacturer, signer } = golden.coe;
    const keys = receiptKeys(tree, leaves);
    same(spb.treeRoot(keys), root);
    const certified = spb.certificatePayload(genesis, manufacturer, bytes(signer));
    same(certified, golden.coe.certificatePayload);
    signedBy(keyOf('manufacturer'), certified, golden.coe.certificate, 'certificate');
    const payload = spb.coePayload(genesis, bytes(root), leaves, validUntil);
    same(payload, golden.coe.payload);
    signedBy(keyOf('signer'), payload, golden.coe.signature, 'CoE');
    same(encodedCoe(), golden.coe.encoded);
    const { index, path, encoded } = golden.meterProof;
    assert.deepEqual(spb.treePath(keys, index).map(hex), path);
    same(encodedProof(), encoded);
  });
});

describe('the CTP database', () => {
  const entries = () =>
    golden.entries.map(({ vault, expiry, signature }) => {
      const receiptKey = bytes(named(golden.ctps, 'ordinary').receiptKey);
      const ctp = spb.ctp({ ...named(golden.ctps, 'ordinary'), vault, expiry, receiptKey });
      const id = spb.ctpId(genesis, ctp);
      const leaf = spb.hash(spb.signedCtp(ctp, signatureOf(signature)));
      return { id, key: spb.entryKey(expiry, id), leaf };
    });

  test('entries are in order of their keys', () => {
    entries().forEach(({ id, key, leaf }, at) => {
      const stored = golden.entries[at];
      same(id, stored.id);
      same(key, stored.key);
      same(leaf, stored.leaf);
      if (at > 0) assert.ok(golden.entries[at - 1].key < stored.key);
    });
    assert.ok(new Set(golden.entries.map(({ expiry }) => expiry)).size > 3);
  });

  test('roots do not depend on the order in which entries came', () => {
    assert.deepEqual(golden.databases.map(({ entries: size }) => size), [0, 1, 2, 3, 7]);
    for (const { entries: size, root } of golden.databases) {
      const some = entries().slice(0, size);
      same(spb.databaseRoot(some), root, `${size} entries`);
      same(spb.databaseRoot(some.reverse()), root, `${size} entries backwards`);
    }
    assert.equal(golden.databases[0].root, hex(new Uint8Array(32)));
  });

  test('proofs lead from their entry, and from no other, to the root', () => {
    for (const { entries: size, root, proofs } of golden.databases) {
      assert.equal(proofs.length, size);
      for (const { entry, steps: stored, encoded } of proofs) {
        const steps = stored.map(({ bit, sibling }) => ({ bit, sibling: bytes(sibling) }));
        const bits = steps.map(({ bit }) => bit);
        assert.deepEqual(bits, [...bits].sort((a, b) => b - a), 'bits descend');
        entries().forEach((one, at) => {
          assert.equal(hex(spb.provenRoot(one, steps)) === root, at === entry);
        });
        same(spb.inclusionProof(steps), encoded);
      }
    }
  });
});

describe('the backbone', () => {
  const { relay } = golden;
  const [to, from, negotiation] = [relay.to, relay.from, relay.negotiation].map(bytes);
  const encodedRequest = () => {
    const { root, requester, certificate, signature } = relay.request;
    return spb.coeRequest({
      ...relay.request,
      root: bytes(root),
      requester: bytes(requester),
      certificate: bytes(certificate),
      signature: bytes(signature),
    });
  };

  test('bodies of letters', () => {
    const bodies = {
      ask: concat(u8(0), u32(1_234), u32(1_500), u128(300_000_000_000)),
      counterOffer: concat(u8(1), u128(290_000_000_000), u32(20)),
      accept: concat(u8(2), ordinary()),
      quote: concat(u8(3), ordinaryId(), encodedQuote()),
      refuse: concat(u8(4), u8(7)),
      coeRequest: concat(u8(5), encodedRequest()),
      coeSigned: concat(u8(6), encodedCoe()),
      coeRefusedByRule: concat(u8(7), u8(0), u8(25)),
      coeRefused: concat(u8(7), u8(3)),
    };
    assert.deepEqual(relay.letters.map(({ name }) => name), Object.keys(bodies));
    for (const { name, body } of relay.letters) same(bodies[name], body, name);
  });

  test('letters are signed by their author', () => {
    const producer = keyOf('producer');
    relay.letters.forEach(({ name, sequence, body, payload, signature, encoded }) => {
      const content = concat(
        producer.publicKey, to, from, negotiation, u16(sequence), u64(relay.sentAt), bytes(body),
      );
      same(spb.payload('spb/let1', genesis, content), payload, name);
      signedBy(producer, bytes(payload), signature, name);
      same(concat(content, u8(0), bytes(signature)), encoded, name);
    });
  });

  test('a request for a CoE is signed by the meter for the signer that it asks', () => {
    const { root, leaves, validUntil, manufacturer, payload, signature, encoded } = relay.request;
    const requester = ed25519PairFromSeed(bytes(golden.meterSeed));
    const content = concat(
      bytes(root), u32(leaves), u32(validUntil), requester.publicKey, u16(manufacturer), to,
    );
    same(spb.payload('spb/req1', genesis, content), payload);
    signedBy(requester, bytes(payload), signature, 'request');
    same(encodedRequest(), encoded);
  });

  test('the id of a packet is of all but its hops', () => {
    const { nonce, hops, sealedByte, sealedLength, aad, id, encoded } = relay.packet;
    const sealed = list(Array(sealedLength).fill(u8(sealedByte)));
    const head = concat(to, from, bytes(nonce));
    same(concat(head, u64(relay.sentAt)), aad);
    same(spb.hash(head, u64(relay.sentAt), sealed), id);
    same(concat(head, u8(hops), u64(relay.sentAt), sealed), encoded);
  });

  test('consents to be listed run out', () => {
    assert.equal(relay.maxConsent, 2_400);
  });

  test('a node lies at the hash of its peer id and signs who lists it', () => {
    const { owner, key, peer, identifier, validUntil, payload, signature } = relay.node;
    const pair = keyOf(key);
    same(concat(bytes('0x002408011220'), pair.publicKey), peer);
    same(spb.hash(bytes(peer)), identifier);
    const content = concat(bytes(owner), bytes(identifier), u32(validUntil));
    same(spb.payload('spb/nod1', genesis, content), payload);
    signedBy(pair, bytes(payload), signature, 'node');
  });

  test('a meter signs who lists it and where to write to it', () => {
    const { owner, meter, manufacturer, contact, validUntil, payload, signature } = relay.listing;
    const pair = keyOf(meter);
    const content = concat(
      bytes(owner), pair.publicKey, u16(manufacturer), bytes(contact), u32(validUntil),
    );
    same(spb.payload('spb/lst1', genesis, content), payload);
    signedBy(pair, bytes(payload), signature, 'listing');
  });

  test('the answer to a challenge is a hash', () => {
    const { contact, node, secret, payload, answer } = relay.attach;
    same(spb.payload('spb/att1', genesis, ...[contact, node, secret].map(bytes)), payload);
    same(spb.hash(bytes(payload)), answer);
  });

  test('distances are exclusive or, and prefixes are counted in bits', () => {
    for (const { a, b, distance, sharedPrefix } of relay.distances) {
      const other = bytes(b);
      const apart = bytes(a).map((byte, at) => byte ^ other[at]);
      same(apart, distance);
      const bits = [...apart].map((byte) => byte.toString(2).padStart(8, '0')).join('');
      assert.equal(bits.indexOf('1') === -1 ? 256 : bits.indexOf('1'), sharedPrefix);
    }
  });

  test('letters are padded to a few sizes', () => {
    assert.equal(relay.maxHops, 32);
    for (const { length, padded, hash } of relay.padded) {
      assert.equal(padded, [512, 1024, 4096].find((size) => length < size));
      const letter = concat(new Uint8Array(length).fill(0xaa), u8(0x80));
      same(spb.hash(letter, new Uint8Array(padded - length - 1)), hash);
    }
  });
});

describe('arithmetic', () => {
  test('listed prices', () => {
    assert.ok(golden.listedPrices.some(({ listed }) => listed === null));
    for (const { price, energy, listed } of golden.listedPrices) {
      const computed = spb.listedPrice(price, energy);
      assert.equal(computed === null ? null : String(computed), listed, `${price} x ${energy}`);
    }
  });

  test('splits', () => {
    assert.ok(golden.splits.some(({ split }) => split === null));
    for (const { amount, fee, delivered, energy, split } of golden.splits) {
      const computed = spb.split(amount, fee, delivered, energy);
      const texts = computed && Object.entries(computed).map(([key, sum]) => [key, String(sum)]);
      assert.deepEqual(texts && Object.fromEntries(texts), split);
    }
  });
});

test('refusals have one code, one name and one rule each', () => {
  const codes = golden.refusals.map(({ code }) => code);
  assert.deepEqual(codes, [...new Set(codes)].sort((a, b) => a - b));
  assert.equal(new Set(golden.refusals.map(({ name }) => name)).size, codes.length);
  for (const { code, rule, encoded } of golden.refusals) {
    assert.match(rule, /^(R[1-4]|CoE|S4)$/);
    same(u8(code), encoded);
  }
});

test('tags are those that the payloads begin with', () => {
  const begins = {
    CtpId: named(golden.ctps, 'ordinary').idPayload,
    Ctp: named(golden.ctps, 'ordinary').payload,
    Quote: golden.quote.payload,
    Coe: golden.coe.payload,
    Meter: golden.coe.certificatePayload,
    Erc: golden.erc.payload,
    Certificate: golden.certificate.payload,
    Letter: golden.relay.letters[0].payload,
    CoeRequest: golden.relay.request.payload,
    Listing: golden.relay.listing.payload,
    Node: golden.relay.node.payload,
    Attach: golden.relay.attach.payload,
  };
  for (const [name, tag] of Object.entries(golden.tags)) {
    assert.ok(begins[name].startsWith(hex(concat(ascii(tag), genesis))), name);
  }
});
