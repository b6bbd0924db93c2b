// JSON-RPC over HTTP, and waiting: zombienet limits how long a script may take.

const PAUSE = 500;

/** Asks a node. */
const call = async (node, method, params = []) => {
  const response = await fetch(node.wsUri.replace(/^ws/, 'http'), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const { result, error } = await response.json();
  if (error) throw new Error(`${node.name}: ${method}: ${error.message}`);
  return result;
};

/** What `look` gives, asked again until it is something. */
const until = async (look) => {
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
};

module.exports = { call, until };
