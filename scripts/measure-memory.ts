// By hand: the smallest guest memory in which a capture and a restore succeed. The result stands in docs/performance.md.
import { randomUUID } from 'node:crypto';
import { printTable } from '../cli/output.ts';
import { type LabMachine, labMachines } from '../test/lab/machines.ts';
import { buildBootFiles, Site } from './lab/site.ts';

const sizesMiB = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [512, 448, 384, 320, 288, 256, 224];
const jobWithinMs = 600_000;

/** Boots a machine with so much memory and runs one scenario; answers the seconds of the job, or why it failed. */
async function attempt(
  site: Site,
  lab: LabMachine,
  name: string,
  memoryMiB: number,
  flags: readonly string[],
): Promise<string> {
  // Another machine each time: one that is approved and has no job would boot from its own disk.
  const nics = [{ mac: `52:54:00:${name === 'capture' ? '0c' : '0a'}:${hex(memoryMiB >> 8)}:${hex(memoryMiB & 255)}` }];
  const spec = await site.furnish(`${name}-${memoryMiB}`, { ...lab, memoryMiB, nics, uuid: randomUUID() });
  const machine = await site.powerOn(spec);
  try {
    const { id } = await site.waitForAgent(machine);
    await site.server.ask('machine', 'approve', id);
    const job = await site.startJob(spec.name, [...flags, '--disk', 'only', '--end', 'poweroff'], id);
    const { startedAt, endedAt } = await site.waitForJob(job, ({ state }) => state === 'succeeded', jobWithinMs);
    return `${(Date.parse(endedAt ?? '') - Date.parse(startedAt ?? '')) / 1000} s`;
  } catch (error) {
    const killed = /Out of memory: Killed process \d+ \(\S+\)/.exec(machine.readSerial())?.[0];
    return `failed: ${killed ?? (error as Error).message.split('\n')[0]}`;
  } finally {
    await machine.kill();
  }
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

const folder = await Site.makeFolder();
await buildBootFiles(folder, 'aloud');
const site = await Site.open(folder);
const rows: string[][] = [];
let image = '';
try {
  for (const memoryMiB of sizesMiB) {
    const capture = await attempt(site, labMachines['web-01'], 'capture', memoryMiB, ['--capture', `at-${memoryMiB}`]);
    // Where the capture fails, the last image that was made is restored.
    if (!capture.startsWith('failed')) image = `at-${memoryMiB}`;
    const restore = await attempt(site, labMachines['web-02'], 'restore', memoryMiB, ['--restore', image]);
    rows.push([String(memoryMiB), capture, restore]);
    console.error(`${memoryMiB} MiB: capture ${capture}, restore ${restore}`);
    if (capture.startsWith('failed') && restore.startsWith('failed')) break;
  }
} finally {
  await site.close('logs');
}
printTable(['MIB', 'CAPTURE', 'RESTORE'], rows);
console.log(`logs: ${folder}`);
