// What the contract must do, on a node that makes a block for each transaction.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Contract, ContractFactory, NonceManager, parseEther } from "ethers";
import { compile } from "./compile.js";
import { rpc, start, wallet } from "./node.js";

const AMOUNT = parseEther("0.01");
let node, escrow, producer, consumer;

before(async () => {
  node = await start(0);
  const account = (number) => new NonceManager(wallet(number).connect(node.provider));
  [producer, consumer] = [account(1), account(2)];
  const { abi, bytecode } = compile();
  const deployed = await new ContractFactory(abi, bytecode, account(0)).deploy();
  await deployed.waitForDeployment();
  escrow = new Contract(await deployed.getAddress(), abi, node.provider);
});

after(() => node?.stop());

const as = (account) => escrow.connect(account);
const done = async (sent) => (await sent).wait();

async function setUp(lifetime) {
  const number = await escrow.next();
  await done(as(producer).setUp(await consumer.getAddress(), 100, AMOUNT, lifetime));
  return number;
}

async function refused(call, name) {
  await assert.rejects(call, (error) => {
    const found = error.revert?.name ?? escrow.interface.parseError(error.data ?? "0x")?.name;
    assert.equal(found, name);
    return true;
  });
}

test("a trade should pay its producer once", async () => {
  const trade = await setUp(100);
  const before = await node.provider.getBalance(await producer.getAddress());
  await refused(as(consumer).confirm.staticCall(trade), "NotPaid");
  await refused(as(consumer).pay.staticCall(trade, { value: AMOUNT - 1n }), "WrongAmount");
  await done(as(consumer).pay(trade, { value: AMOUNT }));
  await refused(as(consumer).pay.staticCall(trade, { value: AMOUNT }), "AlreadyPaid");
  await refused(as(producer).confirm.staticCall(trade), "NotConsumer");
  await done(as(consumer).confirm(trade));
  const now = await node.provider.getBalance(await producer.getAddress());
  assert.equal(now - before, AMOUNT);
  await refused(as(consumer).confirm.staticCall(trade), "NotConsumer");
});

test("what was paid should come back when a contract has run out", async () => {
  const trade = await setUp(2);
  await done(as(consumer).pay(trade, { value: AMOUNT }));
  await refused(as(producer).close.staticCall(trade), "NotRunOut");
  await rpc(node.port, "hardhat_mine", ["0x3"]);
  await refused(as(consumer).confirm.staticCall(trade), "RunOut");
  const before = await node.provider.getBalance(await consumer.getAddress());
  await done(as(producer).close(trade));
  const now = await node.provider.getBalance(await consumer.getAddress());
  assert.equal(now - before, AMOUNT);
});
