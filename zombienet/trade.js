// The README's trade with `spb`, in two parts that may run at different nodes.

const { execFile } = require('node:child_process');
const { mkdir, readFile, writeFile } = require('node:fs/promises');
const { join } = require('node:path');
const { promisify } = require('node:util');

const WH = '500';

const parts = {
  /** Offers, sets money aside, certifies the meter, commits; answers how many CTPs are then open. */
  async commit(spb, folder) {
    const producer = JSON.parse(await spb('--dev', '//Dave', '--output', 'json', 'account', 'show'));
    await spb('--dev', '//Dave', 'account', 'open');
    await spb('--dev', '//Dave', 'offer', 'add', '5000', '0.30');
    await spb('--dev', '//Eve', 'vault', 'deposit', '10');
    for (const [owner, maker, manufacturer] of [['eve', '//One', '1'], ['neighbour', '//Two', '2']]) {
      await spb('--dir', owner, 'meter', 'init');
      await spb('--dir', owner, '--dev', maker, 'meter', 'certify', '--manufacturer', manufacturer);
    }
    await spb('--dir', 'eve', 'meter', 'coe', 'request', '--leaves', '16', '--out', 'request.json');
    await spb('--dir', 'neighbour', 'meter', 'coe', 'sign', 'request.json', '--out', 'certificate.json');
    await spb('--dir', 'eve', 'meter', 'coe', 'import', 'certificate.json');
    const id = await spb(
      '--dev', '//Eve', '--dir', 'eve',
      'ctp', producer.result.account, '0.2', WH, '--wait', 'final',
    );
    await writeFile(join(folder, 'id'), id);
    const open = JSON.parse(await spb('--dev', '//Eve', '--output', 'json', 'ctps'));
    return open.result.ctps.length;
  },

  /** Confirms what `commit` committed; answers what the producer has then sold in the best chain. */
  async confirm(spb, folder) {
    const id = await readFile(join(folder, 'id'), 'utf8');
    await spb('--dev', '//Eve', '--dir', 'eve', 'erc', id, WH, '--wait', 'database');
    const producer = JSON.parse(await spb('--dev', '//Dave', '--output', 'json', 'account', 'show'));
    return producer.result.energyAccount.soldWh;
  },
};

/** Plays a part at a node. */
const run = async (name, network, [part]) => {
  const folder = join(network.tmpDir, 'trade');
  await mkdir(folder, { recursive: true });
  const spb = async (...args) => {
    const { stdout } = await promisify(execFile)(
      'spb', ['--url', network.nodesByName[name].wsUri, ...args], { cwd: folder },
    );
    return stdout.trim();
  };
  return parts[part](spb, folder);
};

module.exports = { run };
