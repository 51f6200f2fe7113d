// The demo: a machine's disk goes over the network into an image and onto another machine, which then boots from it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { formatBytes, printTable } from '../cli/output.ts';
import { totalBytes } from '../imaging/extent.ts';
import type { StepResult } from '../protocol/agent-messages.ts';
import type { Job } from '../protocol/rest.ts';
import { labMachines } from '../test/lab/machines.ts';
import { DemoReport, printResults, StepFailed } from './demo-report.ts';
import { allocatedBytes, compareDisks } from './lab/compare-disks.ts';
import { fsckDisk } from './lab/fsck.ts';
import { mapDiskImage, readStoredBytes } from './lab/host-image.ts';
import { makeMachineDisk } from './lab/machine-disk.ts';
import type { MachineSpec } from './lab/machine-spec.ts';
import { buildBootFiles, Site } from './lab/site.ts';

const image = 'web-01';
const loginWithinMs = 240_000;
const powerOffWithinMs = 60_000;
const report = new DemoReport();

/** PXE-boots a machine, approves it and runs one scenario on it to the end; the machine is off afterwards. */
async function runScenario(
  site: Site,
  spec: MachineSpec,
  scenario: string,
  flags: readonly string[],
): Promise<StepResult> {
  const serialLog = path.join(site.folder, `${spec.name}.serial.log`);
  const { machine, id } = await report.step(`network boot of ${spec.name}`, serialLog, async () => {
    const booting = await site.powerOn(spec);
    return { machine: booting, id: (await site.waitForAgent(booting)).id };
  });
  return report.step(`${scenario} on ${spec.name}`, serialLog, async () => {
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
  if (status === 0) return;
  throw new Error(
    `deploy-os job watch ${jobId}: exit status ${status}; the server's log: ${site.server.options.logPath}`,
  );
}

/** Every used block and every file system of the restored disk, from the host; answers the rows of its table. */
async function prove(source: string, target: string): Promise<[string, string][]> {
  const { used } = await mapDiskImage(source);
  const { differences, comparedBytes } = await compareDisks(source, target, used);
  if (differences.length > 0) {
    const [first] = differences;
    throw new Error(`${formatBytes(totalBytes(differences))} differ, first at byte ${first?.startBytes}`);
  }
  const checked = await fsckDisk(target);
  return [
    ['used blocks compared, all equal', formatBytes(comparedBytes)],
    ["on web-01's disk, deleted data included", formatBytes(await allocatedBytes(source))],
    ["on web-02's disk", formatBytes(await allocatedBytes(target))],
    ...checked.map(({ partition, fileSystem, said }): [string, string] => [
      `fsck of partition ${partition} (${fileSystem})`,
      said.replace(/^\S+: /, ''),
    ]),
  ];
}

async function demonstrate(site: Site): Promise<void> {
  const { folder } = site;
  const source = await site.furnish('web-01', labMachines['web-01']);
  const target = await site.furnish('web-02', labMachines['web-02']);
  const captured = await runScenario(site, source, 'capture', ['--capture', image]);
  const restored = await runScenario(site, target, 'restore', ['--restore', image]);
  const proof = await report.step('comparison of the two disks and fsck, from the host', folder, () =>
    prove(source.disks[0]?.file ?? '', target.disks[0]?.file ?? ''),
  );
  await report.step(
    'boot of web-02 from its own disk to its login prompt',
    path.join(folder, 'web-02.serial.log'),
    async () => {
      const machine = await site.powerOn({ ...target, bootFrom: 'disk' });
      await machine.waitForSerial('web-01 login:', loginWithinMs);
    },
  );
  report.printSteps();
  printResults(captured, restored);
  const storedBytes = await readStoredBytes(path.join(site.server.options.dataDir, 'store'));
  console.log();
  printTable(
    ['PROOF', ''],
    [...proof, ['in the store', formatBytes(storedBytes)], ['API', site.server.url], ['logs', folder]],
  );
  console.log(
    "\nverdict: web-02 boots web-01's system from its own disk; every used block is equal and fsck is content.",
  );
}

async function main(keep: boolean): Promise<void> {
  const folder = await Site.makeFolder();
  await report.step('build of the Deploy-OS', folder, () => buildBootFiles(folder, 'aloud'));
  await report.step("the managed machine's disk: Debian 12, GRUB for BIOS and UEFI", folder, () =>
    makeMachineDisk((what) => console.error(`    ${what}`)),
  );
  const site = await report.step('start of the server and its network', path.join(folder, 'server.log'), () =>
    Site.open(folder),
  );
  let leave: 'everything' | 'logs' = 'everything';
  try {
    await demonstrate(site);
    if (keep) await stayUp(site);
    leave = 'logs';
  } finally {
    await site.close(leave);
  }
}

async function stayUp(site: Site): Promise<void> {
  const [command, args] = site.server.commandLine('machine', 'list');
  console.log(`\nThe server and web-02 are running until Ctrl-C. Try:\n  ${[command, ...args].join(' ')}`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}

try {
  await main(process.argv.includes('--keep'));
} catch (error) {
  if (!(error instanceof StepFailed)) throw error;
  process.exitCode = 1;
}
