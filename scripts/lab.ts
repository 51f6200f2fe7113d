// `npm run lab -- NAME`: one machine of test/lab/machines.ts beside a server, left running for a look, its serial line on this terminal.
import net from 'node:net';
import { labMachines } from '../test/lab/machines.ts';
import { buildBootFiles, Site } from './lab/site.ts';

const quitKey = 0x1d; // Ctrl-]

const [name, from = 'network'] = process.argv.slice(2);
if (name === undefined || !Object.hasOwn(labMachines, name) || (from !== 'network' && from !== 'disk')) {
  console.error(`usage: npm run lab -- NAME [network|disk]; NAME is one of ${Object.keys(labMachines).join(', ')}`);
  process.exit(2);
}

const folder = await Site.makeFolder();
await buildBootFiles(folder, 'aloud');
const site = await Site.open(folder);
const spec = await site.furnish(name, labMachines[name as keyof typeof labMachines]);
const machine = await site.powerOn({ ...spec, bootFrom: from });
const [command, args] = site.server.commandLine('machine', 'list');
console.error(`\nIts files and logs: ${folder}\nThe server: ${[command, ...args].join(' ')}\nCtrl-] ends all.\n`);

const serial = net.connect(machine.files.serialSocket);
serial.pipe(process.stdout);
process.stdin.setRawMode?.(true);
process.stdin.on('data', (typed: Buffer) => (typed.includes(quitKey) ? serial.destroy() : serial.write(typed)));
process.once('SIGINT', () => serial.destroy());
process.once('SIGTERM', () => serial.destroy());
serial.once('close', async () => {
  await site.close('nothing');
  process.exit(0);
});
