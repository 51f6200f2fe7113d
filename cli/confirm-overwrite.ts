// The question before a person overwrites a disk. Scripts, which have no terminal, are not asked.
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { listDisks } from '../imaging/blockdev/list-disks.ts';
import { mapDisk } from '../imaging/map.ts';
import { DeployError } from '../protocol/errors.ts';
import { formatBytes } from './output.ts';

/** Returns when the person has agreed, or nobody can be asked, or the target is no block device. @throws cancelled */
export async function confirmOverwrite(diskPath: string, imageName: string, what = 'All of it'): Promise<void> {
  await confirmLoss(diskPath, `${what} will be overwritten with the image '${imageName}'.`);
}

/** The same before any other loss, which `what` says. @throws cancelled */
export async function confirmLoss(diskPath: string, what: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return;
  const isBlockDevice = await stat(diskPath).then(
    (stats) => stats.isBlockDevice(),
    () => false,
  );
  if (!isBlockDevice) return;
  process.stderr.write(`${await describe(diskPath)}\n${what}\n`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await terminal.question('Type yes to go on: ');
  terminal.close();
  if (answer.trim() !== 'yes') throw new DeployError('cancelled', 'nothing was written');
}

async function describe(diskPath: string): Promise<string> {
  const disk = (await listDisks()).find(({ devicePath }) => devicePath === diskPath);
  const identity =
    disk === undefined
      ? diskPath
      : `${diskPath}: ${disk.model ?? 'unknown model'}, serial ${disk.serial ?? 'unknown'}, ${formatBytes(disk.sizeBytes)}`;
  return `${identity}\n  now holds: ${await describeContents(diskPath)}`;
}

async function describeContents(diskPath: string): Promise<string> {
  try {
    const { table, partitions } = await mapDisk(diskPath);
    const parts = partitions.map((p) => `${p.fileSystem ?? 'unknown'} ${formatBytes(p.sizeBytes)}`);
    return `${table === 'none' ? 'no table' : table}; ${parts.join(', ') || 'nothing known'}`;
  } catch {
    return 'unreadable or blank';
  }
}
