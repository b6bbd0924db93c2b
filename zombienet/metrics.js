// Whether a node exposes what the dashboard shows and the alerts watch.

const { readFile } = require('node:fs/promises');
const { join } = require('node:path');

const FOLDER = join(__dirname, '../docs/operations');
const FILES = ['grafana.json', 'alerts.yml'];

/** The metrics that a text names. */
const named = (text) => text.match(/\b(?:spb|substrate)_\w+/g) ?? [];

/** Answers how many metrics the dashboard and the alerts name; fails where the node lacks one. */
const run = async (name, network) => {
  const texts = await Promise.all(FILES.map((file) => readFile(join(FOLDER, file), 'utf8')));
  const wanted = new Set(texts.flatMap(named));
  const answer = await fetch(network.nodesByName[name].prometheusUri);
  const exposed = new Set((await answer.text()).split('\n').map((line) => line.split(/[{ ]/, 1)[0]));
  const missing = [...wanted].filter((metric) => !exposed.has(metric));
  if (missing.length > 0) throw new Error(`${name} does not expose ${missing.join(', ')}`);
  return wanted.size;
};

module.exports = { run };
