// A local EVM node in this process, which it ends with: it is asked over HTTP, as any other node.

import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { HDNodeWallet, JsonRpcProvider, Mnemonic } from "ethers";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const HOST = "127.0.0.1";
// The well-known accounts of a hardhat node.
const PHRASE = "test test test test test test test test test test test junk";

async function freePort() {
  const server = createServer().listen(0, HOST);
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

/// Starts a node that makes a block every so many milliseconds; 0 for one with each transaction.
export async function start(blockTimeMs) {
  // The configuration is read from the folder when the library is loaded.
  process.chdir(FOLDER);
  process.env.BLOCK_TIME_MS = String(blockTimeMs);
  process.env.HARDHAT_DISABLE_TELEMETRY_PROMPT = "true";
  const { default: hre } = await import("hardhat");
  const port = await freePort();
  const place = { hostname: HOST, port, provider: hre.network.provider };
  const server = await hre.run("node:create-server", place);
  await server.listen();
  const url = `http://${HOST}:${port}`;
  const provider = new JsonRpcProvider(url, undefined, { batchMaxCount: 1, cacheTimeout: -1 });
  const stop = async () => {
    provider.destroy();
    await server.close();
  };
  return { port, provider, stop };
}

/// Asks a node.
export async function rpc(port, method, params) {
  const response = await fetch(`http://${HOST}:${port}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
  });
  const { result, error } = await response.json();
  if (error) throw new Error(`${method}: ${error.message}`);
  return result;
}

/// The well-known account of this number.
export function wallet(number) {
  const mnemonic = Mnemonic.fromPhrase(PHRASE);
  return HDNodeWallet.fromMnemonic(mnemonic, `m/44'/60'/0'/0/${number}`);
}
