// Measures trades by the contract on a local EVM node, as the evaluation measures its own ways: each
// step is sent when the one before it is in a block. The clock starts when the consumer pays, at
// moments that are spread evenly over the time between two blocks; the contract is set up before.
// Prints a line of JSON for each trade.
//
//     node measure.js --runs 100 --block-time-ms 3000

import { parseArgs } from "node:util";
import { Interface, parseEther } from "ethers";
import { compile } from "./compile.js";
import { rpc, start, wallet } from "./node.js";

const LANES = 4;
const POLL_MS = 20;
const LIFETIME = 1_200;
const AMOUNT = parseEther("0.01");
const LIMIT_MS = 240_000;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10" },
    "block-time-ms": { type: "string", default: "3000" },
  },
});
const runs = Number(values.runs);
const blockTime = Number(values["block-time-ms"]);
if (!Number.isInteger(runs) || runs < 1 || !Number.isInteger(blockTime) || blockTime < 1) {
  console.error("give whole numbers: --runs N --block-time-ms N");
  process.exit(2);
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const { abi, bytecode } = compile();
const contract = new Interface(abi);
const { port, stop } = await start(blockTime);
const ask = (method, ...params) => rpc(port, method, params);
const chainId = Number(await ask("eth_chainId"));
const gasPrice = BigInt(await ask("eth_gasPrice")) * 2n;

async function receipt(hash) {
  const begun = Date.now();
  for (;;) {
    const found = await ask("eth_getTransactionReceipt", hash);
    if (found) {
      if (BigInt(found.status) !== 1n) throw new Error(`transaction ${hash} failed`);
      return found;
    }
    if (Date.now() - begun > LIMIT_MS) throw new Error(`transaction ${hash} is in no block`);
    await pause(POLL_MS);
  }
}

/// An account with its nonce.
class Account {
  constructor(number) {
    this.wallet = wallet(number);
    this.nonce = 0;
  }

  /// Sends a transaction and waits until it is in a block; gives its receipt and its bytes.
  async send(to, data, value = 0n) {
    const signed = await this.wallet.signTransaction({
      type: 0,
      chainId,
      nonce: this.nonce++,
      to,
      data,
      value,
      gasLimit: 2_000_000n,
      gasPrice,
    });
    const found = await receipt(await ask("eth_sendRawTransaction", signed));
    return { ...found, bytes: (signed.length - 2) / 2 };
  }
}

/// Waits until right after a block.
async function nextBlock() {
  const before = await ask("eth_blockNumber");
  while ((await ask("eth_blockNumber")) === before) await pause(POLL_MS);
}

/// What the producer does before the clock starts.
async function setUpTrade(escrow, producer, consumer) {
  const terms = [consumer.wallet.address, 100, AMOUNT, LIFETIME];
  return producer.send(escrow, contract.encodeFunctionData("setUp", terms));
}

async function trade(escrow, consumer, setUp) {
  const number = contract.parseLog(setUp.logs[0]).args.trade;
  const begun = process.hrtime.bigint();
  const pay = await consumer.send(escrow, contract.encodeFunctionData("pay", [number]), AMOUNT);
  const confirm = await consumer.send(escrow, contract.encodeFunctionData("confirm", [number]));
  const steps = [setUp, pay, confirm];
  return {
    paid_s: Number(process.hrtime.bigint() - begun) / 1e9,
    bytes: steps.reduce((sum, step) => sum + step.bytes, 0),
    gas: steps.reduce((sum, step) => sum + Number(step.gasUsed), 0),
  };
}

try {
  const lanes = Array.from({ length: LANES }, (_, lane) => ({
    producer: new Account(2 * lane + 1),
    consumer: new Account(2 * lane + 2),
  }));
  const { contractAddress } = await new Account(0).send(undefined, bytecode);
  const batches = Math.ceil(runs / LANES);
  for (let batch = 0; batch < batches; batch++) {
    const runOf = (lane) => lane * batches + batch;
    const busy = lanes.filter((_, lane) => runOf(lane) < runs);
    const setUps = await Promise.all(
      busy.map(({ producer, consumer }) => setUpTrade(contractAddress, producer, consumer)),
    );
    await nextBlock();
    const batchOf = busy.map(async ({ consumer }, lane) => {
      const run = runOf(lane);
      // Spread evenly over the time between two blocks, as the others are.
      await pause((blockTime * (run + 0.5)) / runs);
      console.log(JSON.stringify({ run, ...(await trade(contractAddress, consumer, setUps[lane])) }));
    });
    await Promise.all(batchOf);
  }
  await stop();
  // The chain would go on making blocks.
  process.exit(0);
} catch (error) {
  console.error(error);
  process.exit(1);
}
