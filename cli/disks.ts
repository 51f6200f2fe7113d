// `deploy-os disks`: the disks of this machine, or of one that was recorded, as the rest of Deploy-OS names and numbers them.
import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type Device, listDevices } from '../imaging/blockdev/list-devices.ts';
import { listDisks } from '../imaging/blockdev/list-disks.ts';
import { addOpalLocks } from '../imaging/blockdev/locks.ts';
import { listRecorded, recordMachine } from '../imaging/blockdev/record.ts';
import { DeployError } from '../protocol/errors.ts';
import { diskHeadings, toDiskRows } from './disk-rows.ts';
import { formatBytes, printJson, printTable } from './output.ts';

type Flags = { readonly json?: true; readonly all?: true; readonly record?: string; readonly from?: string };

export function addCommands(program: Command): void {
  program
    .command('disks')
    .description('List the disks of this machine (docs/disks.md says how they are named and numbered)')
    .option('--json', 'print the list as JSON')
    .option('--all', 'every block device that the kernel shows, and why it is no disk')
    .option(
      '--record <file>',
      'also write what the kernel says of them to a file, for a bug report: it names serial numbers and mount points',
    )
    .option('--from <file>', 'list the disks of the machine that --record wrote the file on')
    .action(run);
}

async function run({ json, all, record, from }: Flags): Promise<void> {
  const recording = from === undefined ? null : await readRecording(from);
  if (record !== undefined) await writeRecording(record);
  const read = <T>(list: (root?: string) => Promise<T[]>) =>
    recording === null ? list() : listRecorded(recording, list);
  if (all) {
    const devices = await read(listDevices);
    if (json) printJson(devices);
    else
      printTable(['device', 'kind', 'size', 'made of', 'place', 'model', 'no disk, because it is'], devices.map(toRow));
    return;
  }
  const disks = await read(async (root) => await addOpalLocks(await listDisks(root), { root }));
  if (json) printJson(disks);
  else printTable(diskHeadings, disks.flatMap(toDiskRows));
}

function toRow({ devicePath, kernelName, kind, sizeBytes, below, place, hardware, noDisk }: Device): string[] {
  const size = sizeBytes === 0 ? '-' : formatBytes(sizeBytes);
  return [devicePath || kernelName, kind, size, below.join(' ') || '-', place, hardware.model ?? '-', noDisk ?? ''];
}

async function readRecording(file: string): Promise<string> {
  return await readFile(file, 'utf8').catch((thrown: unknown) => {
    throw new DeployError('invalid-input', `${file} cannot be read`, { cause: thrown });
  });
}

async function writeRecording(file: string): Promise<void> {
  await writeFile(file, `${JSON.stringify(await recordMachine(), null, 1)}\n`).catch((thrown: unknown) => {
    throw new DeployError('invalid-input', `${file} cannot be written`, { cause: thrown });
  });
  process.stderr.write(`recorded in ${file}\n`);
}
