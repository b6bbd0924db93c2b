// A real node, spoken to as a wallet would: @polkadot/api over WebSocket, and the messages of SPB
// made by code of our own.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { ApiPromise, WsProvider } from '@polkadot/api';
import { Keyring } from '@polkadot/keyring';
import { decodeAddress, ed25519PairFromSeed, ed25519Sign } from '@polkadot/util-crypto';
import { firstInBlocks, LIMIT, startNode } from './lib/node.js';
import * as spb from './lib/protocol.js';
import { bytes, hex } from './lib/scale.js';

const golden = JSON.parse(
  readFileSync(new URL('../../primitives/vectors/golden.json', import.meta.url), 'utf8'),
);

const SPB = 10n ** 12n;
const PRICE = (3n * SPB) / 10n;
const OFFERED = 10_000;
const DEPOSIT = 5n * SPB;
const ENERGY = 700;
/** What makes the payment no whole number. */
const DELIVERED = 333;
const LIFETIME = 200;
/** Of the development chain: the ed25519 key `//One`. */
const MANUFACTURER = 1;
const METER_SEED = new Uint8Array(32).fill(0x51);
const SIGNER_SEED = new Uint8Array(32).fill(0x52);
const TREE = 0;
const LEAVES = 5;

/** The calls of the node's own, as polkadot.js wants to be told of them. */
const call = (...params) => ({ description: '', params, type: 'Json' });
const needed = (name, type) => ({ name, type });
const optional = (name, type) => ({ name, type, isOptional: true });
const RPC = {
  spb: {
    ctp: call(needed('id', 'Hash'), optional('at', 'Hash')),
    ctps: call(
      optional('filter', 'Json'),
      optional('at', 'Hash'),
      optional('after', 'Json'),
      optional('limit', 'u32'),
    ),
    database: call(optional('at', 'Hash')),
    proof: call(needed('id', 'Hash'), optional('at', 'Hash')),
    trades: call(needed('party', 'Text')),
  },
};

/** The bytes, with one bit of the one at `at` changed. */
const flipped = (message, at) => {
  const changed = Uint8Array.from(message);
  changed[at] ^= 1;
  return changed;
};

describe('a development chain', { timeout: 10 * LIMIT }, () => {
  let node, provider, api, genesis, keyring, alice, bob, charlie, fee, amount;
  /** Filled as the tests go along: they tell one story, in order. */
  const story = {};

  before(async () => {
    node = await startNode();
    provider = new WsProvider(node.url);
    api = await node.waitFor(
      ApiPromise.create({ provider, rpc: RPC, noInitWarn: true, throwOnConnect: true }),
      'the connection',
    );
    genesis = api.genesisHash.toU8a();
    keyring = new Keyring({ type: 'sr25519' });
    [alice, bob, charlie] = ['//Alice', '//Bob', '//Charlie'].map((uri) => keyring.addFromUri(uri));
  });

  after(async () => {
    await api?.disconnect();
    await node?.stop();
  });

  /** A test that goes on where the one before it ended. */
  const chapter = (name, tell) =>
    test(name, { timeout: 2 * LIMIT }, async () => {
      assert.equal(story.brokenAt, undefined, 'an earlier chapter failed');
      story.brokenAt = name;
      await tell();
      story.brokenAt = undefined;
    });

  /** What the node answers, without polkadot.js's types between. */
  const ask = (method, ...params) => node.waitFor(provider.send(method, params), method);
  const json = async (promise) => (await node.waitFor(promise, 'an answer')).toJSON();
  const untilBlock = (next, what, look) => node.waitFor(firstInBlocks(api, next, look), what);
  const best = async () => (await api.rpc.chain.getHeader()).number.toNumber();
  const account = async (who, hash) => {
    const at = await api.at(hash);
    return (await at.query.system.account(who.address)).data;
  };

  /** Signs, submits, and waits for the block; an error in it is an error here. */
  const send = (call, pair) => {
    const included = new Promise((resolve, reject) => {
      call
        .signAndSend(pair, ({ status, dispatchError, events, isError }) => {
          if (dispatchError?.isModule) {
            const { section, name } = api.registry.findMetaError(dispatchError.asModule);
            reject(new Error(`${section}.${name}`));
          } else if (dispatchError || isError) {
            reject(new Error(String(dispatchError ?? status)));
          } else if (status.isInBlock) {
            resolve({ hash: status.asInBlock, events: events.map(({ event }) => event) });
          }
        })
        .catch(reject);
    });
    return node.waitFor(included, `${call.method.section}.${call.method.method}`);
  };
  const eventOf = ({ events }, type) => {
    const found = events.find((event) => type.is(event));
    assert.ok(found, 'the event is there');
    return found.data;
  };

  /** Submits bytes, which the node must refuse, and gives its error. */
  const refused = async (message) => {
    const error = await ask('author_submitExtrinsic', hex(message)).then(
      () => assert.fail(`the node takes ${hex(message).slice(0, 80)}`),
      (error) => error,
    );
    assert.equal(typeof error.code, 'number', error.message);
    return error;
  };
  const refusedAs = async (name, extrinsic) => {
    const { code } = golden.refusals.find((refusal) => refusal.name === name);
    const error = await refused(extrinsic.toU8a());
    assert.equal(error.code, 1010, error.message);
    assert.match(error.message, new RegExp(`Custom error: ${code}$`), name);
  };

  const oneTimeKey = (leaf) => ed25519PairFromSeed(spb.oneTimeSeed(METER_SEED, TREE, leaf));
  const receiptKeys = () =>
    Array.from({ length: LEAVES }, (_, leaf) => spb.receiptKey(oneTimeKey(leaf).publicKey));

  /** A tree's certificate, made for the chains of these genesis hashes. */
  const coe = (certifiedOn = genesis, signedOn = genesis) => {
    const maker = new Keyring({ type: 'ed25519' }).addFromUri('//One');
    const signer = ed25519PairFromSeed(SIGNER_SEED);
    const root = spb.treeRoot(receiptKeys());
    const validUntil = 10_000;
    const meter = signer.publicKey;
    return {
      root,
      leaves: LEAVES,
      validUntil,
      signer: meter,
      manufacturer: MANUFACTURER,
      certificate: maker.sign(spb.certificatePayload(certifiedOn, MANUFACTURER, meter)),
      signature: ed25519Sign(spb.coePayload(signedOn, root, LEAVES, validUntil), signer),
    };
  };
  const proof = (index, of = coe()) => {
    const path = spb.treePath(receiptKeys(), index);
    return { index, path, coe: of };
  };
  const encodedProof = ({ index, path, coe: of }) => spb.meterProof(index, path, spb.coe(of));

  const commitment = (leaf, expiry) => ({
    vault: story.vault,
    offer: story.offer,
    energy: ENERGY,
    amount,
    expiry,
    receiptKey: receiptKeys()[leaf],
  });
  const sign = (ctp, on = genesis) => charlie.sign(spb.ctpPayload(on, spb.ctp(ctp)));
  const commit = (ctp, signature, meterProof) =>
    api.tx.spb.commitToPay({ ctp, signature: { Sr25519: signature } }, meterProof, null);
  const receipt = (leaf, id, at) => {
    const pair = oneTimeKey(leaf);
    const signature = ed25519Sign(spb.ercPayload(genesis, id, DELIVERED, at), pair);
    return { ctp: id, delivered: DELIVERED, at, key: pair.publicKey, signature };
  };
  const confirm = (erc, meterProof) => api.tx.spb.confirmReceipt(erc, meterProof);

  /** What a block's header says of the database. */
  const digestAt = async (hash) => {
    const { digest } = await api.rpc.chain.getHeader(hash);
    const found = digest.logs
      .filter((log) => log.isConsensus)
      .map((log) => log.asConsensus)
      .filter(([engine]) => engine.toString() === golden.constants.engineId);
    assert.equal(found.length, 1, 'one entry of SPB in the header');
    const payload = found[0][1].toU8a(true);
    assert.equal(payload.length, 64);
    return { root: hex(payload.slice(0, 32)), sidecar: hex(payload.slice(32)) };
  };

  test('tells wallets about its money and its genesis', async () => {
    const properties = await ask('system_properties');
    assert.deepEqual(properties, { ss58Format: 42, tokenDecimals: 12, tokenSymbol: 'SPB' });
    assert.deepEqual(api.registry.chainTokens, ['SPB']);
    assert.deepEqual(api.registry.chainDecimals, [golden.constants.decimals]);
    // What addresses look like, which polkadot.js takes from the runtime.
    assert.equal(api.registry.chainSS58, 42);
  });

  test('says of each call, event and error of its own pallets what it is', () => {
    // How many there are at the least.
    const pallets = {
      spb: { tx: 6, events: 6, errors: 6 },
      validators: { tx: 2, events: 2, errors: 5 },
      upgrades: { tx: 1, events: 0, errors: 0 },
      escrow: { tx: 4, events: 4, errors: 9 },
    };
    for (const [pallet, kinds] of Object.entries(pallets)) {
      for (const [kind, least] of Object.entries(kinds)) {
        const items = Object.entries(api[kind][pallet] ?? {});
        assert.ok(items.length >= least, `${kind} of ${pallet}: ${items.length}`);
        for (const [name, { meta }] of items) {
          const said = meta.docs.map(String).join(' ').trim();
          assert.ok(said.length > 10, `${kind} ${pallet}.${name} has no documentation`);
        }
      }
    }
  });

  test('takes a signed transfer', async () => {
    const dave = keyring.addFromUri('//Dave');
    const { hash } = await send(api.tx.balances.transferKeepAlive(dave.address, 7n * SPB), alice);
    const { parentHash } = await api.rpc.chain.getHeader(hash);
    const [earlier, later] = [await account(dave, parentHash), await account(dave, hash)];
    assert.equal(later.free.toBigInt() - earlier.free.toBigInt(), 7n * SPB);
  });

  chapter('answers runtime APIs', async () => {
    assert.deepEqual(Object.keys(api.call.spbApi).sort(), [
      'backbone', 'checkMeterProof', 'energyAccount', 'entryLifetime', 'fee', 'limits', 'meterCount',
      'meterOf', 'meters', 'offer', 'offers', 'parameters', 'vault', 'vaultOf',
    ]);
    const parameters = (await api.call.spbApi.parameters()).toJSON();
    assert.deepEqual(parameters, {
      minLifetime: 5,
      maxLifetime: 2400,
      grace: 20,
      evidenceWindow: 2400,
      slotDuration: 3000,
    });
    assert.equal((await api.call.spbApi.entryLifetime()).toNumber(), parameters.maxLifetime);
    const limits = await api.call.spbApi.limits();
    fee = (await api.call.spbApi.fee()).toBigInt();
    assert.ok(fee > 0n);
    assert.equal(limits.fee.toBigInt(), fee);
    assert.equal(limits.minAmount.toBigInt(), 2n * fee);
    assert.equal(limits.maxOpenPerVault.toNumber(), 64);
    assert.ok((await api.call.spbApi.offer(0)).isNone);
    assert.ok((await api.call.spbApi.vaultOf(charlie.address)).isNone);
    // One unit more than the listed price, so that the payment has to be rounded.
    amount = spb.listedPrice(PRICE, ENERGY) + fee + 1n;
  });

  chapter('opens an energy account and offers energy', async () => {
    await send(api.tx.spb.openAccountWithBurn(), bob);
    const terms = 'Listed';
    const contact = new Uint8Array(32).fill(7);
    const sent = await send(api.tx.spb.offerEnergy(OFFERED, PRICE, terms, contact), bob);
    const event = eventOf(sent, api.events.spb.EnergyOffered);
    story.offer = event.offer.toNumber();

    const filter = { producer: bob.address, minEnergy: OFFERED, maxPrice: PRICE, closed: false };
    const page = { after: null, limit: 10 };
    const offers = await api.call.spbApi.offers(filter, page);
    assert.equal(offers.length, 1);
    assert.equal(offers[0].id.toNumber(), story.offer);
    assert.equal(offers[0].offer.price.toBigInt(), PRICE);
    assert.equal(offers[0].offer.available.toNumber(), OFFERED);
    const none = await api.call.spbApi.offers({ ...filter, maxPrice: PRICE - 1n }, page);
    assert.equal(none.length, 0);
  });

  chapter('sets money aside in a vault', async () => {
    const sent = await send(api.tx.spb.deposit(DEPOSIT), charlie);
    const event = eventOf(sent, api.events.spb.Deposited);
    story.vault = event.vault.toNumber();
    const vault = (await api.call.spbApi.vaultOf(charlie.address)).unwrap();
    assert.equal(vault.id.toNumber(), story.vault);
    assert.equal(vault.vault.held.toBigInt(), DEPOSIT);
    assert.equal(vault.vault.owner.toHex(), hex(charlie.publicKey));
  });

  chapter('says whether a meter proof would do', async () => {
    const [key, good] = [receiptKeys()[3], proof(3)];
    assert.ok((await api.call.spbApi.checkMeterProof(key, good)).isOk);
    const wrongLeaf = await api.call.spbApi.checkMeterProof(receiptKeys()[2], good);
    assert.equal(wrongLeaf.asErr.toString(), 'NotInTree');
    const ofAnotherChain = { ...good, coe: coe(new Uint8Array(32)) };
    const refusal = await api.call.spbApi.checkMeterProof(key, ofAnotherChain);
    assert.equal(refusal.asErr.toString(), 'BadMeterCertificate');
  });

  chapter('refuses bad messages by their code and keeps nothing of them', async () => {
    const now = await best();
    const ctp = commitment(0, now + LIFETIME);
    const [id, signature] = [spb.ctpId(genesis, spb.ctp(ctp)), sign(ctp)];
    const another = new Uint8Array(32).fill(9);

    await refusedAs('BadSignature', commit(ctp, flipped(signature, 5), proof(0)));
    await refusedAs('BadSignature', commit(ctp, sign(ctp, another), proof(0)));
    await refusedAs('BadSignature', commit({ ...ctp, energy: ENERGY - 1 }, signature, proof(0)));
    await refusedAs('BadMeterCertificate', commit(ctp, signature, proof(0, coe(another))));
    await refusedAs('BadCoeSignature', commit(ctp, signature, proof(0, coe(genesis, another))));
    await refusedAs('NotInTree', commit(ctp, signature, proof(1)));
    const unknown = { ...ctp, vault: story.vault + 1 };
    await refusedAs('UnknownVault', commit(unknown, sign(unknown), proof(0)));
    const cheap = { ...ctp, amount: amount - 2n };
    await refusedAs('PriceTooLow', commit(cheap, sign(cheap), proof(0)));
    const erc = receipt(0, id, now);
    await refusedAs('BadReceiptSignature', confirm({ ...erc, delivered: DELIVERED + 1 }, proof(0)));
    await refusedAs('ReceiptFromFuture', confirm(receipt(0, id, now + 1000), proof(0)));

    // Bytes that are no extrinsic: too few, too many, none, and some that never were one.
    const whole = commit(ctp, signature, proof(0)).toU8a();
    const content = whole.slice(2);
    const lengthOf = (size) => Uint8Array.of(((size << 2) | 1) & 0xff, size >> 6);
    const wrapped = (inner) => Uint8Array.from([...lengthOf(inner.length), ...inner]);
    assert.deepEqual(wrapped(content), whole);
    const broken = [
      new Uint8Array(),
      bytes('0xdeadbeef'),
      whole.slice(0, -1),
      wrapped(content.slice(0, -1)),
      wrapped(Uint8Array.from([...content, 0])),
      wrapped(new Uint8Array(300).fill(0xff)),
    ];
    for (const message of broken) {
      const error = await refused(message);
      assert.ok([1002, 1040].includes(error.code), `${error.code}: ${error.message}`);
    }

    assert.deepEqual(await ask('author_pendingExtrinsics'), []);
    assert.equal((await json(api.rpc.spb.ctp(id))).status, 'unknown');
    const database = await json(api.rpc.spb.database());
    assert.equal(database.open, 0);
    assert.equal(database.headerRoot, hex(new Uint8Array(32)));
  });

  chapter('takes CTPs into its database', async () => {
    story.events = [];
    // Not by `api.rpc`, which would answer only when the first event is there.
    const subscription = provider.subscribe(
      'spb_ctpsEvent',
      'spb_subscribeCtps',
      [{ vault: story.vault }],
      (error, event) => {
        assert.ifError(error);
        story.events.push(event);
        story.onEvent?.();
      },
    );
    story.subscription = await node.waitFor(subscription, 'a subscription');

    const now = await best();
    story.ctps = [0, 1].map((leaf) => {
      const ctp = commitment(leaf, now + LIFETIME + leaf);
      const encoded = spb.ctp(ctp);
      const id = spb.ctpId(genesis, encoded);
      const signature = sign(ctp);
      const entry = spb.signedCtp(encoded, { kind: 'Sr25519', bytes: signature });
      return { ctp, id, entry, call: commit(ctp, signature, proof(leaf)) };
    });
    // The metadata describes the very bytes of the golden vectors.
    for (const [leaf, { entry, call }] of story.ctps.entries()) {
      const [signed, meterProof, quote] = call.method.args;
      assert.equal(signed.toHex(), hex(entry));
      assert.equal(meterProof.toHex(), hex(encodedProof(proof(leaf))));
      assert.ok(quote.isNone);
      assert.ok(!call.isSigned);
      await node.waitFor(api.rpc.author.submitExtrinsic(call), 'the pool to take a CTP');
    }

    const filter = { vault: story.vault };
    story.open = await untilBlock(now, 'both CTPs to be in the database', async (block) => {
      const { ctps, next } = await json(api.rpc.spb.ctps(filter, block.hash));
      assert.equal(next, null);
      return ctps.length < 2 ? undefined : { ...block, ctps };
    });
    const told = story.open.ctps.map(({ id, encoded }) => ({ id, encoded }));
    const sent = story.ctps.map(({ id, entry }) => ({ id: hex(id), encoded: hex(entry) }));
    assert.deepEqual(told, sent);
    assert.equal(story.open.ctps[0].ctp.amount, String(amount));
    assert.equal(story.open.ctps[0].ctp.energyWh, ENERGY);
    const none = await json(api.rpc.spb.ctps({ vault: story.vault + 1 }, story.open.hash));
    assert.deepEqual(none.ctps, []);
    await assert.rejects(ask('spb_ctps', { vualt: 0 }), /unknown field/);

    const vault = (await api.call.spbApi.vault(story.vault)).unwrap().vault;
    assert.equal(vault.held.toBigInt(), DEPOSIT, 'nothing is paid yet');
  });

  chapter('proves its database under the root that the header names', async () => {
    const { hash } = story.open;
    const { root } = await digestAt(hash);
    const entries = story.ctps.map(({ ctp, id, entry }) => ({
      key: spb.entryKey(ctp.expiry, id),
      leaf: spb.hash(entry),
    }));
    assert.equal(hex(spb.databaseRoot(entries)), root);
    const database = await json(api.rpc.spb.database(hash));
    assert.equal(database.root, root);
    assert.equal(database.open, 2);
    assert.ok(database.equal);

    for (const [at, { id }] of story.ctps.entries()) {
      const answer = await json(api.rpc.spb.proof(id, hash));
      const steps = answer.steps.map(({ bit, sibling }) => ({ bit, sibling: bytes(sibling) }));
      assert.equal(hex(spb.provenRoot(entries[at], steps)), root);
      assert.notEqual(hex(spb.provenRoot(entries[1 - at], steps)), root);
    }
    const unknown = hex(new Uint8Array(32));
    assert.equal(await ask('spb_proof', unknown, hash.toHex()), null);
  });

  chapter('settles a trade when the receipt comes', async () => {
    const [{ id, ctp }] = story.ctps;
    const now = await best();
    const [erc, meterProof] = [receipt(0, id, now), proof(0)];
    const call = confirm(erc, meterProof);
    assert.equal(call.method.args[0].toHex(), hex(spb.erc(erc)));
    assert.equal(call.method.args[1].toHex(), hex(encodedProof(meterProof)));
    await node.waitFor(api.rpc.author.submitExtrinsic(call), 'the pool to take an ERC');

    story.settled = await untilBlock(now, 'TradeSettled', async ({ number, hash }) => {
      const events = await (await api.at(hash)).query.system.events();
      const found = events.find(({ event }) => api.events.spb.TradeSettled.is(event));
      return found && { number, hash, trade: found.event.data };
    });
    const { hash, trade } = story.settled;
    const expected = spb.split(ctp.amount, fee, DELIVERED, ENERGY);
    const exact = (ctp.amount - fee) * BigInt(DELIVERED);
    assert.ok(expected.payment * BigInt(ENERGY) < exact, 'it is rounded down');
    assert.equal(trade.id.toHex(), hex(id));
    assert.equal(trade.vault.toNumber(), story.vault);
    assert.equal(trade.offer.toNumber(), story.offer);
    assert.equal(trade.delivered.toNumber(), DELIVERED);
    assert.equal(trade.payment.toBigInt(), expected.payment);
    assert.equal(trade.fee.toBigInt(), expected.fee);

    const { parentHash } = await api.rpc.chain.getHeader(hash);
    const change = async (who, field) => {
      const [earlier, later] = [await account(who, parentHash), await account(who, hash)];
      return later[field].toBigInt() - earlier[field].toBigInt();
    };
    assert.equal(await change(bob, 'free'), expected.payment);
    assert.equal(await change(charlie, 'reserved'), -(expected.payment + expected.fee));
    assert.equal(await change(charlie, 'free'), 0n);
    // The author of all blocks, and no one else paid it in this one.
    assert.equal(await change(alice, 'free'), expected.fee);
    const [before, at] = [await api.at(parentHash), await api.at(hash)];
    const issued = async (at) => (await at.query.balances.totalIssuance()).toBigInt();
    assert.equal(await issued(at), await issued(before));

    const seller = (await at.call.spbApi.energyAccount(bob.address)).unwrap();
    assert.equal(seller.trades.toNumber(), 1);
    assert.equal(seller.soldWh.toNumber(), DELIVERED);
    assert.equal(seller.earned.toBigInt(), expected.payment);
    const offer = (await at.call.spbApi.offer(story.offer)).unwrap().offer;
    assert.equal(offer.available.toNumber(), OFFERED - DELIVERED);
    const vault = (await at.call.spbApi.vaultOf(charlie.address)).unwrap().vault;
    assert.equal(vault.held.toBigInt(), DEPOSIT - expected.payment - expected.fee);

    const database = await json(api.rpc.spb.database(hash));
    assert.equal(database.open, 1);
    const left = hex(spb.hash(story.ctps[1].entry));
    assert.equal((await digestAt(hash)).root, left, 'the other entry is all that is left');
  });

  chapter('tells of each change, and remembers the trade', async () => {
    const id = hex(story.ctps[0].id);
    const of = (id) => story.events.filter((event) => event.id === id);
    const complete = new Promise((resolve) => {
      story.onEvent = () => {
        const seen = of(id).map(({ event }) => event);
        if (seen.includes('settled')) resolve(seen);
      };
      story.onEvent();
    });
    const seen = await node.waitFor(complete, 'the events of the trade');
    const unsubscribed = provider.unsubscribe(
      'spb_ctpsEvent',
      'spb_unsubscribeCtps',
      story.subscription,
    );
    assert.equal(await node.waitFor(unsubscribed, 'the end of the subscription'), true);
    // `final` is told of a CTP that is still open then.
    const told = seen.filter((event) => event !== 'final');
    assert.deepEqual(told, ['pending', 'open', 'settled']);
    assert.ok(!seen.includes('final') || seen.indexOf('open') < seen.indexOf('final'));
    assert.equal(seen.at(-1), 'settled');
    assert.equal(of(id).find(({ event }) => event === 'settled').deliveredWh, DELIVERED);
    assert.ok(!of(hex(story.ctps[1].id)).some(({ event }) => event === 'settled'));

    const status = await json(api.rpc.spb.ctp(id));
    assert.equal(status.status, 'settled');
    assert.equal(status.block.hash, story.settled.hash.toHex());
    assert.equal(status.deliveredWh, DELIVERED);
    // The index of trades follows the final blocks.
    const trades = await untilBlock(story.settled.number, 'the trade to be final', async () => {
      const { trades } = await json(api.rpc.spb.trades(bob.address));
      return trades.length > 0 ? trades : undefined;
    });
    assert.equal(trades.length, 1);
    assert.equal(trades[0].id, id);
    assert.equal(trades[0].payment, story.settled.trade.payment.toString());
    assert.deepEqual(decodeAddress(trades[0].consumer), charlie.publicKey);
    assert.deepEqual(decodeAddress(trades[0].producer), bob.publicKey);
  });

  chapter('has in its blocks one seal each, the settled trade, and no message', async () => {
    const last = await best();
    assert.ok(last >= story.settled.number);
    let settlements = [];
    for (let number = 1; number <= last; number += 1) {
      const hash = await api.rpc.chain.getBlockHash(number);
      const { block } = await api.rpc.chain.getBlock(hash);
      const names = block.extrinsics.map(({ method }) => `${method.section}.${method.method}`);
      assert.ok(!names.includes('spb.commitToPay'), `block ${number} has a CTP`);
      assert.ok(!names.includes('spb.confirmReceipt'), `block ${number} has an ERC`);
      const seals = block.extrinsics.filter(({ method }) => api.tx.spb.seal.is(method));
      assert.equal(seals.length, 1, `block ${number} has one seal`);
      const [seal] = seals[0].method.args;
      const { root, sidecar } = await digestAt(hash);
      assert.equal(seal.databaseRoot.toHex(), root);
      assert.equal(seal.sidecarHash.toHex(), sidecar);
      settlements = settlements.concat(seal.settlements.map((s) => ({ number, bytes: s.toU8a() })));
    }
    assert.equal(settlements.length, 1);
    assert.equal(settlements[0].number, story.settled.number);
    const stored = spb.settlement(story.ctps[0].entry, DELIVERED);
    assert.equal(hex(settlements[0].bytes), hex(stored));
    assert.ok(stored.length <= 125);
  });

  chapter('does nothing more for a message that comes again', async () => {
    const { code } = golden.refusals.find(({ name }) => name === 'AlreadySettled');
    const known = '1013: Transaction Already Imported';
    const [settled, open] = story.ctps.map(({ call }) => call.toHex());
    const now = await best();
    // The pool may still hold a message or have let go of it: both are well.
    const first = await ask('author_submitExtrinsic', settled).catch(({ message }) => message);
    assert.ok(first.startsWith(known) || first.endsWith(`Custom error: ${code}`), first);
    const second = await ask('author_submitExtrinsic', open).catch(({ message }) => message);
    assert.ok(second.startsWith(known) || second === story.ctps[1].call.hash.toHex(), second);

    await untilBlock(now, 'two more blocks', async ({ number, hash }) => {
      const { ctps } = await json(api.rpc.spb.ctps({ vault: story.vault }, hash));
      assert.deepEqual(ctps.map(({ id }) => id), [hex(story.ctps[1].id)]);
      return number >= now + 2 || undefined;
    });
  });

  chapter('takes no signed message', async () => {
    // No open CTP and no ERC is to be in any block, not even as one that fails.
    const eve = keyring.addFromUri('//Eve');
    const [{ ctp }] = story.ctps;
    const messages = [
      commit(ctp, sign(ctp), proof(0)),
      confirm(receipt(0, spb.ctpId(genesis, spb.ctp(ctp)), story.settled.number), proof(0)),
    ];
    for (const message of messages) {
      await node.waitFor(message.signAsync(eve), 'a signature');
      const error = await refused(message.toU8a());
      assert.equal(error.code, 1010, error.message);
      assert.match(`${error.data}`, /call is not expected/);
    }
  });
});

test('a node that is not there is a failure that says what to do', async () => {
  const { SPB_NODE } = process.env;
  try {
    delete process.env.SPB_NODE;
    await assert.rejects(startNode(), /SPB_NODE is not set.*cargo xtask test/);
    process.env.SPB_NODE = '/no/such/spb-node';
    await assert.rejects(startNode(), /spb-node does not start/);
  } finally {
    if (SPB_NODE === undefined) delete process.env.SPB_NODE;
    else process.env.SPB_NODE = SPB_NODE;
  }
});
