// A chain in memory whose blocks come at an interval, like those of the chain beside it.
const interval = Number(process.env.BLOCK_TIME_MS ?? 3000);

module.exports = {
  // The contract is compiled by compile.js, with the compiler from npm.
  solidity: "0.8.37",
  networks: {
    hardhat: {
      hardfork: "shanghai",
      mining: { auto: interval === 0, interval },
    },
  },
};
