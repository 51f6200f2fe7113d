// How each file system is checked by its own tool without being changed, and what its exit status says.

export type Checker = {
  readonly program: string;
  readonly args: readonly string[];
  /** Whether the tool found nothing wrong. */
  readonly isClean: (status: number | null, said: string) => boolean;
  /** Run before, because the check does not read logs: what a mount would do first. Its own verdict does not count. */
  readonly replay?: { readonly program: string; readonly args: readonly string[] };
};

const statusZero = (status: number | null) => status === 0;

/** debugfs(8), journal_run: replays the journal and does nothing else (`e2fsck -E journal_only` repairs, if it is forced). */
const ext: Checker = {
  program: 'e2fsck',
  args: ['-f', '-n'],
  isClean: statusZero,
  replay: { program: 'debugfs', args: ['-w', '-R', 'journal_run'] },
};

const checkers: { readonly [fileSystem: string]: Checker } = {
  ext2: ext,
  ext3: ext,
  ext4: ext,
  xfs: { program: 'xfs_repair', args: ['-n', '-f'], isClean: statusZero },
  btrfs: { program: 'btrfs', args: ['check', '--readonly', '--check-data-csum'], isClean: statusZero },
  ntfs: { program: 'ntfsresize', args: ['--info', '--force', '--no-progress-bar'], isClean: statusZero },
  vfat: { program: 'fsck.fat', args: ['-n'], isClean: statusZero },
  exfat: { program: 'fsck.exfat', args: ['-n'], isClean: statusZero },
  // Its status is 0 for a dry run whatever it found (fsck/main.c, do_fsck).
  f2fs: {
    program: 'fsck.f2fs',
    args: ['--dry-run'],
    isClean: (status, said) => status === 0 && !/\[Fail\]|\[FSCK\] .*Fail/i.test(said),
  },
};

export function checkerOf(fileSystem: string): Checker | undefined {
  return checkers[fileSystem];
}
