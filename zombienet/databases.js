// Whether all nodes hold one CTP database.

const { call, until } = require('./rpc.js');

/**
 * Waits for a final block of the given node after which so many CTPs are open, and answers how many
 * nodes hold the database of its header after that very block.
 */
const run = async (name, network, [open]) => {
  const nodes = Object.values(network.nodesByName);
  const own = network.nodesByName[name];
  const block = await until(async () => {
    const hash = await call(own, 'chain_getFinalizedHead');
    const database = await call(own, 'spb_database', [hash]);
    return database.open === Number(open) ? { hash, root: database.root } : undefined;
  });
  const agrees = async (node) => {
    // It may not have the block yet; zombienet's limit ends the wait.
    await until(async () => (await call(node, 'chain_getHeader', [block.hash])) ?? undefined);
    const database = await until(() => call(node, 'spb_database', [block.hash]).catch(() => undefined));
    return database.root === block.root && database.headerRoot === block.root && database.open === Number(open);
  };
  return (await Promise.all(nodes.map(agrees))).filter(Boolean).length;
};

module.exports = { run };
