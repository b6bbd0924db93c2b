// How far finality is behind.

const { call, until } = require('./rpc.js');

/** Waits until so many of a node's blocks are not final, and answers how many. */
const run = async (name, network, [least]) => {
  const node = network.nodesByName[name];
  const height = async (...block) => Number((await call(node, 'chain_getHeader', block)).number);
  return until(async () => {
    const lag = (await height()) - (await height(await call(node, 'chain_getFinalizedHead')));
    return lag >= Number(least) ? lag : undefined;
  });
};

module.exports = { run };
