// Compiles the contract with the compiler from npm: nothing is fetched while it is measured.

import { readFileSync } from "node:fs";
import solc from "solc";

const FILE = "Escrow.sol";

/// Interface and code of the contract.
export function compile() {
  const content = readFileSync(new URL(FILE, import.meta.url), "utf8");
  const input = {
    language: "Solidity",
    sources: { [FILE]: { content } },
    settings: {
      evmVersion: "shanghai",
      optimizer: { enabled: true, runs: 10_000 },
      outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } },
    },
  };
  const output = JSON.parse(solc.compile(JSON.stringify(input)));
  const errors = (output.errors ?? []).filter((error) => error.severity === "error");
  if (errors.length > 0) {
    throw new Error(errors.map((error) => error.formattedMessage).join("\n"));
  }
  const { abi, evm } = output.contracts[FILE].Escrow;
  return { abi, bytecode: `0x${evm.bytecode.object}` };
}
