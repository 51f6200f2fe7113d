// What the file systems' own tools do to a device that has become larger: one function per file system, each checks before it writes and again after.
import { access, mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { mustRun, runTool } from '../run-tool.ts';

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
  xfs: ['xfs_repair', 'xfs_growfs', 'mount', 'umount'],
  btrfs: ['btrfs', 'mount', 'umount'],
  swap: ['mkswap'],
};

/** Of `volume-window.ts`. */
export const volumeWindowPrograms: readonly string[] = ['mount', 'umount', 'setpriv', 'dd'];

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

/** Only the kernel grows XFS. A file system of the same UUID may be mounted already. */
async function growXfs(devicePath: string, begin: () => void): Promise<null> {
  await must('xfs_repair', ['-n', devicePath]);
  begin();
  await withMounted(devicePath, 'xfs', 'nouuid', (folder) => must('xfs_growfs', ['-d', folder]));
  await must('xfs_repair', ['-n', devicePath]);
  return null;
}

/** Only the kernel grows Btrfs, and it takes two devices with one UUID for the same file system. */
async function growBtrfs(devicePath: string, begin: () => void, { uuid }: FileSystemFacts): Promise<null> {
  const known = await access(`/sys/fs/btrfs/${uuid}`).then(
    () => true,
    () => false,
  );
  if (known) throw new DeployError('grow-failed', `a Btrfs with its UUID (${uuid}) is mounted on this machine`);
  begin();
  try {
    await withMounted(devicePath, 'btrfs', '', (folder) => must('btrfs', ['filesystem', 'resize', 'max', folder]));
  } finally {
    await runTool('btrfs', ['device', 'scan', '--forget', devicePath]);
  }
  return null;
}

/** Nothing in a swap area has to be kept but its names. */
async function growSwap(devicePath: string, begin: () => void, { uuid, label }: FileSystemFacts): Promise<null> {
  const names = [...(uuid === null ? [] : ['--uuid', uuid]), ...(label === null ? [] : ['--label', label])];
  begin();
  await must('mkswap', [...names, devicePath]);
  return null;
}

async function withMounted(
  devicePath: string,
  fileSystem: string,
  option: string,
  work: (folder: string) => Promise<unknown>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'deploy-os-grow-'));
  const options = ['nosuid', 'nodev', 'noexec', ...(option === '' ? [] : [option])].join(',');
  try {
    await must('mount', ['-t', fileSystem, '-o', options, devicePath, folder]);
    try {
      await work(folder);
    } finally {
      await must('umount', [folder]);
    }
  } finally {
    await rmdir(folder).catch(() => {});
  }
}
