// What the file systems' own tools do to a device that has become larger: one function per file system, each checks before it writes and again after.
import { mustRun } from '../run-tool.ts';
import { mountPrograms, refuseMounted, withMounted } from './mounted.ts';

export type FileSystemFacts = { readonly uuid: string | null; readonly label: string | null };

/** Grows what is on `devicePath` to its end; calls `begin` before the first write. What it returns, a person should know. @throws grow-failed, tool-missing */
export type Grower = (devicePath: string, begin: () => void, facts: FileSystemFacts) => Promise<string | null>;

/** By the names of blkid. What is not listed has no tool that grows it: FAT, exFAT, … LVM2 takes several (`growVolumeGroup`). */
export const growers: Readonly<Record<string, Grower>> = {
  ext2: growExt,
  ext3: growExt,
  ext4: growExt,
  ntfs: growNtfs,
  xfs: growXfs,
  btrfs: growBtrfs,
  swap: growSwap,
};

/** What each of them runs. */
export const growerPrograms: Readonly<Record<string, readonly string[]>> = {
  ext2: ['e2fsck', 'resize2fs'],
  ext3: ['e2fsck', 'resize2fs'],
  ext4: ['e2fsck', 'resize2fs'],
  ntfs: ['ntfsresize', 'ntfsfix'],
  xfs: ['xfs_repair', 'xfs_growfs', ...mountPrograms],
  btrfs: ['btrfs', ...mountPrograms],
  swap: ['mkswap'],
};

/** Of `volume-window.ts`. */
export const volumeWindowPrograms: readonly string[] = [...mountPrograms, 'setpriv', 'dd'];

/** What growing an LVM2 physical volume runs (`growVolumeGroup`), and in it a volume with that file system. */
export function groupPrograms(volumeFileSystem: string | null): readonly string[] {
  const group = ['pvs', 'pvresize', 'pvck', 'vgck'];
  if (volumeFileSystem === null) return group;
  const own = growerPrograms[volumeFileSystem] ?? [];
  return [...group, 'vgs', 'lvextend', ...volumeWindowPrograms, ...own];
}

const must = (program: string, args: readonly string[], good?: readonly number[]) =>
  mustRun('grow-failed', program, args, good);

/** e2fsck(8): 1 is "errors corrected", which with -p is the replayed time of the last check and the like. */
async function growExt(devicePath: string, begin: () => void): Promise<null> {
  await must('e2fsck', ['-f', '-n', devicePath]);
  begin();
  await must('e2fsck', ['-f', '-p', devicePath], [0, 1]);
  await must('resize2fs', [devicePath]);
  await must('e2fsck', ['-f', '-n', devicePath]);
  return null;
}

/** ntfsresize(8) writes both boot sectors, and has Windows check the volume at its next start: that mark is left as it is. */
async function growNtfs(devicePath: string, begin: () => void): Promise<string> {
  await must('ntfsresize', ['--no-action', '--force', devicePath]);
  begin();
  await must('ntfsresize', ['--force', devicePath]);
  await must('ntfsfix', ['--no-action', devicePath]);
  return 'Windows checks the grown NTFS at its next start; until then a capture takes all of it';
}

/** Only the kernel grows XFS. */
async function growXfs(devicePath: string, begin: () => void, { uuid }: FileSystemFacts): Promise<null> {
  await must('xfs_repair', ['-n', devicePath]);
  begin();
  const grow = (folder: string) => must('xfs_growfs', ['-d', folder]);
  await withMounted('grow-failed', { devicePath, fileSystem: 'xfs', uuid }, grow);
  await must('xfs_repair', ['-n', devicePath]);
  return null;
}

/** Only the kernel grows Btrfs. */
async function growBtrfs(devicePath: string, begin: () => void, { uuid }: FileSystemFacts): Promise<null> {
  const btrfs = { devicePath, fileSystem: 'btrfs', uuid };
  await refuseMounted('grow-failed', btrfs);
  begin();
  await withMounted('grow-failed', btrfs, (folder) => must('btrfs', ['filesystem', 'resize', 'max', folder]));
  return null;
}

/** Nothing in a swap area has to be kept but its names. */
async function growSwap(devicePath: string, begin: () => void, { uuid, label }: FileSystemFacts): Promise<null> {
  const names = [...(uuid === null ? [] : ['--uuid', uuid]), ...(label === null ? [] : ['--label', label])];
  begin();
  await must('mkswap', [...names, devicePath]);
  return null;
}
