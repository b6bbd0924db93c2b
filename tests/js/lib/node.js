// A node of our own, and waiting for what it does: no wait is a sleep, each has a limit.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Far above what anything takes, also on a slow machine under load. */
export const LIMIT = 180_000;
const LINES_KEPT = 40;
const ARGUMENTS = [
  '--dev', '--rpc-port', '0', '--port', '0', '--no-prometheus', '--no-telemetry', '--no-mdns',
];
const HOW_TO_RUN =
  'SPB_NODE is not set: it says which spb-node to test. `cargo xtask test` builds one and runs ' +
  'these checks with it; by hand: SPB_NODE=/path/to/spb-node npm test';

/** The promise's value, unless it takes longer than the limit. */
export const within = (promise, what, limit = LIMIT) => {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${limit / 1000} s for ${what}`)), limit);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};

/**
 * Starts a development chain. What is returned says where it listens and stops it; it is stopped as
 * well when this process ends, however it ends short of SIGKILL.
 */
export const startNode = async () => {
  const program = process.env.SPB_NODE;
  if (!program) throw new Error(HOW_TO_RUN);

  const child = spawn(program, ARGUMENTS, {
    stdio: ['ignore', 'ignore', 'pipe'],
    // The line that says where the node listens is of this level.
    env: { ...process.env, RUST_LOG: 'info' },
  });
  const kill = () => child.kill('SIGKILL');
  const endOnSignal = () => process.exit(1);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  process.on('exit', kill);
  signals.forEach((signal) => process.on(signal, endOnSignal));

  const lines = [];
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(`spb-node does not start: ${error.message}`));
    child.once('exit', (code, signal) =>
      resolve(`spb-node ended (${signal ?? `code ${code}`}); its last words:\n${lines.join('\n')}`),
    );
  });
  // Port 0 lets the system choose; the node says what it got.
  const url = new Promise((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (lines.length > LINES_KEPT) lines.shift();
      const found = /Running JSON-RPC server: addr=.*?(127\.0\.0\.1:\d+)/.exec(line);
      if (found) resolve(`ws://${found[1]}`);
    });
  });
  const dead = ended.then((reason) => Promise.reject(new Error(reason)));
  // Whoever waits for the node hears of its end; nobody has to.
  dead.catch(() => {});

  const node = {
    url: '',
    /** Waits for something that only a living node can do. */
    waitFor: (promise, what) => within(Promise.race([promise, dead]), what),
    stop: async () => {
      child.kill('SIGTERM');
      await within(ended, 'spb-node to stop', 30_000).catch(kill);
      await within(ended, 'spb-node to be gone');
      process.off('exit', kill);
      signals.forEach((signal) => process.off(signal, endOnSignal));
    },
  };
  try {
    node.url = await node.waitFor(url, 'spb-node to listen');
  } catch (error) {
    kill();
    throw error;
  }
  return node;
};

/** The blocks of the best chain from `next` on, as they come. */
export async function* blocksFrom(api, next) {
  let [best, wake] = [0, () => {}];
  const unsubscribe = await api.rpc.chain.subscribeNewHeads((header) => {
    best = header.number.toNumber();
    wake();
  });
  try {
    for (;;) {
      while (next <= best) {
        yield { number: next, hash: await api.rpc.chain.getBlockHash(next) };
        next += 1;
      }
      await new Promise((resolve) => {
        wake = resolve;
        if (next <= best) resolve();
      });
    }
  } finally {
    unsubscribe();
  }
}

/** The first thing that `look` finds in a block from `next` on, which it gets one after another. */
export const firstInBlocks = async (api, next, look) => {
  for await (const block of blocksFrom(api, next)) {
    const found = await look(block);
    if (found !== undefined) return found;
  }
  throw new Error('the blocks never end');
};
