// Which drivers can show a partition's files read-only, in the order in which they are tried.
import { access } from 'node:fs/promises';

/** What mount(8) mounts through a loop device (the kernel's own, and exfat-fuse, which takes no files), or a FUSE program that takes the file as it is. */
export type Driver =
  | { readonly type: string; readonly options: readonly string[] }
  | { readonly program: string; readonly options: readonly string[] };

/** What no image may do on the machine that looks into it. */
const harmless = ['ro', 'nosuid', 'nodev', 'noexec'];
const kernel = (type: string, ...options: string[]): Driver => ({ type, options: ['loop', ...harmless, ...options] });
const fuse = (program: string, ...options: string[]): Driver => ({ program, options: [...harmless, ...options] });

/** The log is not replayed: nothing can be written, and what the image holds is what is shown. */
const drivers: { readonly [fileSystem: string]: readonly Driver[] } = {
  ext2: [kernel('ext4', 'noload')],
  ext3: [kernel('ext4', 'noload')],
  ext4: [kernel('ext4', 'noload')],
  xfs: [kernel('xfs', 'norecovery', 'nouuid')],
  btrfs: [kernel('btrfs', 'rescue=nologreplay')],
  ntfs: [fuse('ntfs-3g', 'norecover'), kernel('ntfs3')],
  vfat: [kernel('vfat'), fuse('fusefat')],
  exfat: [kernel('exfat'), kernel('exfat-fuse')],
  f2fs: [kernel('f2fs', 'norecovery')],
  hfsplus: [kernel('hfsplus')],
  iso9660: [kernel('iso9660')],
  udf: [kernel('udf')],
  squashfs: [kernel('squashfs')],
  erofs: [kernel('erofs')],
  jfs: [kernel('jfs')],
  reiserfs: [kernel('reiserfs')],
  nilfs2: [kernel('nilfs2', 'norecovery')],
  ufs: [kernel('ufs')],
};

/** Empty for what holds no files, or none that anything mounts. */
export function driversOf(fileSystem: string): readonly Driver[] {
  return drivers[fileSystem] ?? [];
}

/**
 * Why this file system must not be mounted here and now; null when it may.
 * Btrfs knows its devices by their UUID: a second device with the UUID of a mounted one would be taken for it.
 */
export async function refusal(fileSystem: string, uuid: string | null): Promise<string | null> {
  if (fileSystem !== 'btrfs' || uuid === null) return null;
  const mounted = await access(`/sys/fs/btrfs/${uuid}`).then(
    () => true,
    () => false,
  );
  return mounted ? 'a Btrfs with the same UUID is mounted on this machine' : null;
}
