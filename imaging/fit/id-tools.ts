// What the file systems' own tools do to give one a new id: one function per file system. None changes what a file holds.
import { randomUUID } from 'node:crypto';
import { mustRun, runTool } from '../run-tool.ts';
import { randomSignature } from './new-table-ids.ts';

/** Gives what is on `devicePath` a random id; calls `begin` before the first write. @throws new-ids-incomplete, tool-missing */
export type IdTool = (devicePath: string, begin: () => void) => Promise<void>;

/** By the names of blkid. LVM2 takes several (`renewVolumeGroup`). */
const idTools: Readonly<Record<string, IdTool>> = {
  ext2: renewExt,
  ext3: renewExt,
  ext4: renewExt,
  xfs: inOneStep('xfs_admin', () => ['-U', 'generate']),
  btrfs: renewBtrfs,
  ntfs: renewNtfs,
  vfat: renewFat,
  exfat: inOneStep('tune.exfat', () => ['-I', `0x${randomSignature()}`]),
  swap: inOneStep('swaplabel', () => ['-U', randomUUID()]),
};

/** What each of them runs; `xfs_admin` is a script that runs `xfs_db`. */
export const idPrograms: Readonly<Record<string, readonly string[]>> = {
  ext2: ['e2fsck', 'tune2fs'],
  ext3: ['e2fsck', 'tune2fs'],
  ext4: ['e2fsck', 'tune2fs'],
  xfs: ['xfs_admin', 'xfs_db'],
  btrfs: ['btrfstune', 'btrfs'],
  ntfs: ['ntfslabel', 'ntfsfix'],
  vfat: ['fatlabel', 'fsck.fat'],
  exfat: ['tune.exfat'],
  swap: ['swaplabel'],
};

/** What giving an LVM2 physical volume and its group new ones runs (`renewVolumeGroup`). */
export const groupIdPrograms: readonly string[] = ['vgck', 'pvchange', 'vgchange', 'pvck'];

/** Why there is no tool for what is not listed above. */
const whyNoTool: Readonly<Record<string, string>> = {
  LVM2_member: 'it is in no volume group, or in one that was not understood',
  crypto_LUKS: '`cryptsetup luksUUID` renews it; what is inside keeps its ids',
};

/** The tool for a file system as it was captured, or why there is none. */
export function findIdTool(fileSystem: string, reader: string): IdTool | { readonly why: string } {
  const tool = idTools[fileSystem];
  if (tool === undefined)
    return { why: whyNoTool[fileSystem] ?? `there is no tool that gives ${fileSystem} a new one` };
  return reader === 'raw' ? { why: `its ${fileSystem} was not sound when it was captured` } : tool;
}

const must = (program: string, args: readonly string[], good?: readonly number[]) =>
  mustRun('new-ids-incomplete', program, args, good);

function inOneStep(program: string, args: () => string[]): IdTool {
  return async (devicePath, begin) => {
    begin();
    await must(program, [...args(), devicePath]);
  };
}

/** Checksums of ext4 are seeded with its UUID: tune2fs(8) rewrites them, and wants to see that the last check is later than the last mount. */
async function renewExt(devicePath: string, begin: () => void): Promise<void> {
  await must('e2fsck', ['-f', '-n', devicePath]);
  begin();
  await must('e2fsck', ['-f', '-p', devicePath], [0, 1]);
  await must('tune2fs', ['-U', 'random', devicePath]);
  await must('e2fsck', ['-f', '-n', devicePath]);
}

/**
 * btrfstune(8) -m writes the superblocks only. -u would write every block of metadata, which takes long and, cut off, leaves a Btrfs that
 * cannot be mounted. The price: the feature metadata_uuid, which needs Linux 5.0.
 */
async function renewBtrfs(devicePath: string, begin: () => void): Promise<void> {
  begin();
  try {
    await must('btrfstune', ['-f', '-m', devicePath]);
  } finally {
    await runTool('btrfs', ['device', 'scan', '--forget', devicePath]);
  }
}

/** Forced: a grown NTFS wants Windows to check it, and ntfslabel(8) would wait for that. */
async function renewNtfs(devicePath: string, begin: () => void): Promise<void> {
  begin();
  await must('ntfslabel', ['--force', '--new-serial', devicePath]);
  await must('ntfsfix', ['--no-action', devicePath]);
}

async function renewFat(devicePath: string, begin: () => void): Promise<void> {
  begin();
  await must('fatlabel', ['-i', devicePath, randomSignature()]);
  await must('fsck.fat', ['-n', devicePath]);
}
