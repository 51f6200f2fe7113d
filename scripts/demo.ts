// The demo: a machine's disk goes over the network into an image and onto another machine, which then boots from it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { formatBytes } from '../cli/output.ts';
import { totalBytes } from '../imaging/extent.ts';
import type { StepResult } from '../protocol/agent-messages.ts';
import type { Job } from '../protocol/rest.ts';
import { labMachines } from '../test/lab/machines.ts';
import { allocatedBytes, compareDisks } from './lab/compare-disks.ts';
import { fsckDisk } from './lab/fsck.ts';
import { mapDiskImage } from './lab/host-image.ts';
import { makeMachineDisk } from './lab/machine-disk.ts';
import type { MachineSpec } from './lab/machine-spec.ts';
import { buildBootFiles, Site } from './lab/site.ts';

const image = 'web-01';
const loginWithinMs = 240_000;
const powerOffWithinMs = 60_000;

/** The rows of the table at the end. */
const facts: [string, string][] = [];
const startedMs = performance.now();
let stepNumber = 0;

/** Runs one step; what goes wrong in it is told with its name and its log. */
async function step<T>(name: string, log: string, work: () => Promise<T>): Promise<T> {
  const stepStartedMs = performance.now();
  console.error(`\n[${++stepNumber}] ${name}`);
  try {
    const result = await work();
    const seconds = (performance.now() - stepStartedMs) / 1000;
    console.error(`    done in ${seconds.toFixed(1)} s`);
    facts.push([name, `${seconds.toFixed(1)} s`]);
    return result;
  } catch (error) {
    console.error(`\ndemo: step '${name}' failed; its log: ${log}\n${(error as Error).message}`);
    throw new StepFailed(name, { cause: error });
  }
}

class StepFailed extends Error {}

function printFacts(): void {
  const width = Math.max(...facts.map(([name]) => name.length));
  console.log(`\n${facts.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')}`);
}

/** PXE-boots a machine, approves it and runs one scenario on it to the end; the machine is off afterwards. */
async function runScenario(
  site: Site,
  spec: MachineSpec,
  scenario: string,
  flags: readonly string[],
): Promise<StepResult> {
  const serialLog = path.join(site.folder, `${spec.name}.serial.log`);
  const machine = await site.powerOn(spec);
  const { id } = await step(`network boot of ${spec.name}`, serialLog, () => site.waitForAgent(machine));
  return step(`${scenario}: ${flags.slice(0, 2).join(' ')} on ${spec.name}`, serialLog, async () => {
    await site.server.ask('machine', 'approve', id);
    const jobId = await site.startJob(scenario, [...flags, '--disk', 'only', '--end', 'poweroff'], id);
    await watch(site, jobId);
    await machine.waitForPowerOff(powerOffWithinMs);
    const { results } = await site.server.ask<Job>('job', 'show', jobId);
    const [result] = results;
    if (result === undefined) throw new Error(`job ${jobId} has no result`);
    return result;
  });
}

/** `deploy-os job watch`, whose progress bar is drawn on our stderr. */
async function watch(site: Site, jobId: string): Promise<void> {
  const child = spawn(...site.server.commandLine('job', 'watch', jobId), { stdio: ['ignore', 'ignore', 'inherit'] });
  const [status] = await once(child, 'close');
  if (status !== 0)
    throw new Error(`deploy-os job watch ${jobId}: exit status ${status}; see ${site.server.options.logPath}`);
}

function addResult(name: string, { figures, secondsByPhase }: StepResult): void {
  for (const [figure, value] of Object.entries(figures)) {
    if (figure.endsWith('Bytes')) facts.push([`${name}: ${figure}`, formatBytes(value)]);
  }
  for (const [phase, seconds] of Object.entries(secondsByPhase))
    facts.push([`${name}: ${phase}`, `${seconds.toFixed(1)} s`]);
}

/** Every used block and every file system of the restored disk, from the host. */
async function prove(source: string, target: string): Promise<void> {
  const { used, sizeBytes } = await mapDiskImage(source);
  const { differences, comparedBytes } = await compareDisks(source, target, used);
  if (differences.length > 0) {
    const [first] = differences;
    throw new Error(`${formatBytes(totalBytes(differences))} differ, first at byte ${first?.startBytes}`);
  }
  facts.push(['disk', formatBytes(sizeBytes)], ['used blocks compared, all equal', formatBytes(comparedBytes)]);
  facts.push(['room that the source takes on the host', formatBytes(await allocatedBytes(source))]);
  facts.push(['room that the restored disk takes', formatBytes(await allocatedBytes(target))]);
  for (const { partition, fileSystem, said } of await fsckDisk(target)) {
    facts.push([`fsck of partition ${partition} (${fileSystem})`, said.replace(/^\S+: /, '')]);
  }
}

async function demonstrate(site: Site): Promise<void> {
  const { folder } = site;
  const source = await site.furnish('web-01', labMachines['web-01']);
  const target = await site.furnish('web-02', labMachines['web-02']);
  const captured = await runScenario(site, source, 'back-up', ['--capture', image]);
  const restored = await runScenario(site, target, 'put-back', ['--restore', image]);
  await step('comparison of the disks and fsck, from the host', folder, () =>
    prove(source.disks[0]?.file ?? '', target.disks[0]?.file ?? ''),
  );
  await step('boot of web-02 from its own disk to login:', path.join(folder, 'web-02.serial.log'), async () => {
    const machine = await site.powerOn({ ...target, bootFrom: 'disk' });
    await machine.waitForSerial('login:', loginWithinMs);
  });
  addResult('capture', captured);
  addResult('restore', restored);
}

async function main(keep: boolean): Promise<void> {
  const folder = await Site.makeFolder();
  const serverLog = path.join(folder, 'server.log');
  await step('build of the Deploy-OS', folder, async () => buildBootFiles(folder, 'inherit'));
  await step("the managed machine's disk: Debian 12, GRUB for BIOS and UEFI", folder, () =>
    makeMachineDisk((what) => console.error(`    ${what}`)),
  );
  const site = await step('start of the server and its network', serverLog, () => Site.open(folder));
  let succeeded = false;
  try {
    await demonstrate(site);
    succeeded = true;
    facts.push(['in all', `${((performance.now() - startedMs) / 1000).toFixed(0)} s`]);
    facts.push(['API', site.server.url], ['logs', keep ? folder : `${folder} (removed: no --keep)`]);
    printFacts();
    console.log(
      "\nverdict: web-02 boots web-01's system from its own disk; every used block is equal and fsck is content.",
    );
    if (keep) await stayUp(site);
  } finally {
    await site.close({ remove: succeeded });
  }
}

async function stayUp(site: Site): Promise<void> {
  const [command, args] = site.server.commandLine('machine', 'list');
  console.log(
    `\nServer and web-02 are running until Ctrl-C. Logs: ${site.folder}. Try:\n  ${[command, ...args].join(' ')}`,
  );
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}

try {
  await main(process.argv.includes('--keep'));
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  process.exitCode = 1;
}
