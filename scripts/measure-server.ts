// What the server bears; the results stand in docs/performance.md. By hand, on a machine that does nothing else:
//   node scripts/measure-server.ts agents [COUNT] [SECONDS] [-- FLAGS OF deploy-os server]
//   node scripts/measure-server.ts machines [COUNT]
//   node scripts/measure-server.ts captures [COUNT] [MEBIBYTES]
//   node scripts/measure-server.ts soak [JOBS]
//   node scripts/measure-server.ts mixed [MINUTES]
// Sockets are cut where the machine is so busy that a handshake takes 15 seconds.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measureAgents } from './load/measure-agents.ts';
import { measureCaptures } from './load/measure-captures.ts';
import { measureMachines } from './load/measure-machines.ts';
import { measureMixed } from './load/measure-mixed.ts';
import { measureSoak } from './load/measure-soak.ts';

const words = process.argv.slice(2);
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
  if (measure === undefined) throw new Error(`one of ${Object.keys(measures).join(', ')}`);
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
