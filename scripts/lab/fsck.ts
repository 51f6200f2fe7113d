// Checks the file systems of a disk image with their own tools, changing nothing.
import { runCommand } from './run-command.ts';

type SfdiskTable = {
  partitiontable: { sectorsize?: number; partitions: { node: string; start: number; size: number }[] };
};

export type FsckVerdict = { readonly partition: number; readonly fileSystem: string; readonly said: string };

const checkers: Record<string, readonly string[]> = {
  ext2: ['e2fsck', '-f', '-n'],
  ext3: ['e2fsck', '-f', '-n'],
  ext4: ['e2fsck', '-f', '-n'],
  vfat: ['fsck.fat', '-n'],
};

/** One verdict for each file system that has a checker here. @throws Error with the checker's words when one finds a fault. */
export async function fsckDisk(disk: string): Promise<FsckVerdict[]> {
  const { partitiontable }: SfdiskTable = JSON.parse(await runCommand('sfdisk', ['--json', disk]));
  const sectorBytes = partitiontable.sectorsize ?? 512;
  const verdicts: FsckVerdict[] = [];
  for (const [index, { start, size }] of partitiontable.partitions.entries()) {
    verdicts.push(...(await fsckPartition(disk, index + 1, start * sectorBytes, size * sectorBytes)));
  }
  return verdicts;
}

async function fsckPartition(
  disk: string,
  partition: number,
  startBytes: number,
  sizeBytes: number,
): Promise<FsckVerdict[]> {
  const range = ['--offset', String(startBytes), '--sizelimit', String(sizeBytes)];
  const loop = (await runCommand('losetup', ['--find', '--show', '--read-only', ...range, disk])).trim();
  try {
    const probe = await runCommand('blkid', ['--probe', '-o', 'value', '-s', 'TYPE', loop]).catch(() => '');
    const fileSystem = probe.trim();
    const [checker, ...args] = checkers[fileSystem] ?? [];
    if (checker === undefined) return [];
    const said = await runCommand(checker, [...args, loop]);
    return [{ partition, fileSystem, said: said.trim().split('\n').at(-1) ?? '' }];
  } finally {
    await runCommand('losetup', ['--detach', loop]);
  }
}
