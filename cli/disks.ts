// `deploy-os disks`: the disks of this machine, or of one that was recorded, as the rest of Deploy-OS names and numbers them.
import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { Disk } from '../imaging/blockdev/disk.ts';
import { listDisks } from '../imaging/blockdev/list-disks.ts';
import { listRecordedDisks, recordMachine } from '../imaging/blockdev/record.ts';
import { DeployError } from '../protocol/errors.ts';
import { formatBytes, printJson, printTable } from './output.ts';

type Flags = { readonly json?: true; readonly record?: string; readonly from?: string };

export function addCommands(program: Command): void {
  program
    .command('disks')
    .description('List the disks of this machine (docs/disks.md says how they are named and numbered)')
    .option('--json', 'print the list as JSON')
    .option(
      '--record <file>',
      'also write what the kernel says of them to a file, for a bug report: it names serial numbers and mount points',
    )
    .option('--from <file>', 'list the disks of the machine that --record wrote the file on')
    .action(run);
}

async function run({ json, record, from }: Flags): Promise<void> {
  const disks = from === undefined ? await listDisks() : await listRecordedDisks(await readRecording(from));
  if (record !== undefined) await writeRecording(record);
  if (json) printJson(disks);
  else printTable(['no.', 'device', 'size', 'bus', 'model', 'id', 'state'], disks.flatMap(toRows));
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

/** The disk, and below it what it is made of and what is on it. */
function toRows(disk: Disk): string[][] {
  const { number, devicePath, sizeBytes, bus, removable, model, id, parts, partitions } = disk;
  const kind = removable ? `${bus} (removable)` : bus;
  return [
    [String(number), devicePath, formatBytes(sizeBytes), kind, model ?? '-', id, describeState(disk) || '-'],
    ...parts.map((part) => [
      '',
      `  ${part.devicePath}`,
      '',
      '',
      part.model ?? '',
      part.serial ?? '',
      describePart(disk, part.state),
    ]),
    ...partitions.map((partition) => {
      const { contents, inUseBy } = partition;
      const what = contents === null ? '' : [contents.type, contents.label].filter(Boolean).join(' ');
      return [
        '',
        `  ${partition.devicePath}`,
        formatBytes(partition.sizeBytes),
        '',
        what,
        contents?.uuid ?? '',
        inUseBy.join('; '),
      ];
    }),
  ];
}

function describeState({ array, readOnly, inUseBy, idNote, sectorSizeBytes, contents }: Disk): string {
  const facts = [
    array === null ? null : `${array.level} (${array.metadata ?? 'no metadata'}), ${array.health}`,
    array === null || array.missing === 0 ? null : `${array.missing} of ${array.members} members missing`,
    array === null || array.done === null ? null : `${Math.floor(array.done * 100)} % done`,
    sectorSizeBytes === 512 ? null : `sectors of ${sectorSizeBytes} bytes`,
    readOnly ? 'read-only' : null,
    contents === null ? null : contents.type,
    ...inUseBy,
    idNote,
  ];
  return facts.filter((fact) => fact !== null).join('; ');
}

function describePart({ kind }: Disk, state: string | null): string {
  const role = kind === 'array' ? 'member' : 'path';
  return state === null ? role : `${role}, ${state}`;
}
