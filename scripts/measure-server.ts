// What the server bears; the results stand in docs/performance.md. By hand, on a machine that does nothing else: `node scripts/measure-server.ts --help`.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measureAgents } from './load/measure-agents.ts';
import { measureCaptures } from './load/measure-captures.ts';
import { measureMachines } from './load/measure-machines.ts';
import { measureMixed } from './load/measure-mixed.ts';
import { measureSoak } from './load/measure-soak.ts';

const usage = `What the server bears, measured with a server that is started for it on this machine; prints JSON.
  node scripts/measure-server.ts agents [COUNT] [SECONDS]        connected agents (1000, 60)
  node scripts/measure-server.ts machines [COUNT]                lists of many machines (10000)
  node scripts/measure-server.ts captures [COUNT] [MEBIBYTES]    uploads at once (20, 512 of each)
  node scripts/measure-server.ts soak [JOBS]                     jobs one after the other (10000)
  node scripts/measure-server.ts mixed [MINUTES]                 all of it together (30)
After \`--\` come flags of \`deploy-os server\`. Nothing else should run on the machine: sockets are cut where a handshake takes 15 seconds.
DEPLOY_OS_MEASURE_DIR: the folder for what is written, instead of the system's for temporary files.
`;

const words = process.argv.slice(2);
if (words.includes('--help')) {
  process.stdout.write(usage);
  process.exit();
}
const end = words.includes('--') ? words.indexOf('--') : words.length;
const [what = '', ...numbers] = words.slice(0, end);
const [first, second] = numbers.map(Number);
const serverFlags = words.slice(end + 1);

const folder = await mkdtemp(path.join(process.env.DEPLOY_OS_MEASURE_DIR ?? tmpdir(), 'deploy-os-measure-'));
const measures: Record<string, () => Promise<object>> = {
  agents: () => measureAgents(folder, first ?? 1000, second ?? 60, serverFlags),
  machines: () => measureMachines(folder, first ?? 10_000, serverFlags),
  soak: () => measureSoak(folder, first ?? 10_000, serverFlags),
  mixed: () => measureMixed(folder, first ?? 30, serverFlags),
  captures: () => measureCaptures(folder, first ?? 20, second ?? 512, serverFlags),
};
try {
  const measure = measures[what];
  if (measure === undefined) throw new Error(`one of ${Object.keys(measures).join(', ')} is wanted; see --help`);
  console.log(
    JSON.stringify(
      await measure(),
      (_key, value) => (typeof value === 'number' ? Math.round(value * 10) / 10 : value),
      2,
    ),
  );
} finally {
  await rm(folder, { recursive: true });
}
