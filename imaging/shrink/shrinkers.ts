// The file systems that their own tools can make smaller: what is the least size, and how it is done. All of it on an overlay: `file` may be written.
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { mount, unmount } from '../mount/mount-table.ts';
import { refusal } from '../mount/partition-drivers.ts';
import { runTool } from '../run-tool.ts';

export type ShrinkFacts = {
  readonly file: string;
  readonly uuid: string | null;
  readonly signal?: AbortSignal | undefined;
};

export type Shrinker = {
  /** The least size that the tool would agree to, in bytes. @throws shrink-failed, tool-missing, cancelled */
  readonly leastBytes: (facts: ShrinkFacts) => Promise<number>;
  /** Makes the file system no longer than `sizeBytes`. What it returns, a person should know. @throws as above */
  readonly shrink: (facts: ShrinkFacts, sizeBytes: number) => Promise<string | null>;
};

const ext: Shrinker = {
  leastBytes: async ({ file, signal }) => {
    // A journal to be replayed is no fault. A fault is not mended here, not even one that -p would mend: it costs files.
    await runTool('debugfs', ['-w', '-R', 'journal_run', file], { signal });
    await must('e2fsck', ['-f', '-n', file], signal);
    // resize2fs(8) wants to see that the last check is later than the last mount.
    await must('e2fsck', ['-f', '-p', file], signal, [0, 1]);
    const blocks = await askNumber('resize2fs', ['-P', file], /minimum size of the filesystem: (\d+)/, signal);
    return blocks * (await askNumber('tune2fs', ['-l', file], /^Block size: +(\d+)/m, signal));
  },
  shrink: async ({ file, signal }, sizeBytes) => {
    await must('resize2fs', [file, `${Math.floor(sizeBytes / 1024)}K`], signal);
    await must('e2fsck', ['-f', '-n', file], signal);
    return null;
  },
};

/** ntfsresize(8) does not touch a volume that is marked dirty unless it is forced; it checks it in any case. */
const ntfs: Shrinker = {
  leastBytes: ({ file, signal }) =>
    askNumber('ntfsresize', ['--info', '--force', '--no-progress-bar', file], /might resize at (\d+) bytes/, signal),
  shrink: async ({ file, signal }, sizeBytes) => {
    const flags = ['--force', '--force', '--no-progress-bar'];
    await must('ntfsresize', [...flags, '--size', String(sizeBytes), file], signal);
    await must('ntfsresize', ['--info', ...flags, file], signal);
    return 'Windows checks the shrunk NTFS at its next start; until then a capture takes all of it';
  },
};

/** The kernel makes no Btrfs smaller (btrfs_ioctl_resize in fs/btrfs/ioctl.c). */
const leastBtrfsBytes = 256 * 2 ** 20;

/** Only the kernel shrinks Btrfs, while it is mounted. */
const btrfs: Shrinker = {
  leastBytes: async (facts) => {
    const command = ['inspect-internal', 'min-dev-size'];
    const least = await withBtrfs(facts, (folder) =>
      askNumber('btrfs', [...command, folder], /^(\d+) bytes/m, facts.signal),
    );
    return Math.max(least, leastBtrfsBytes);
  },
  shrink: async (facts, sizeBytes) => {
    await withBtrfs(facts, (folder) =>
      must('btrfs', ['filesystem', 'resize', String(sizeBytes), folder], facts.signal),
    );
    await must('btrfs', ['check', '--readonly', facts.file], facts.signal);
    return null;
  },
};

/** What all of them run. */
export const shrinkerPrograms: readonly string[] = [
  ...['debugfs', 'e2fsck', 'resize2fs', 'tune2fs', 'ntfsresize', 'btrfs', 'mount', 'umount'],
];

const shrinkers: { readonly [fileSystem: string]: Shrinker } = { ext2: ext, ext3: ext, ext4: ext, ntfs, btrfs };

/** Undefined for what no tool makes smaller: XFS, F2FS, FAT, exFAT, … */
export function shrinkerOf(fileSystem: string): Shrinker | undefined {
  return shrinkers[fileSystem];
}

async function withBtrfs<Result>(
  { file, uuid }: ShrinkFacts,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const refused = await refusal('btrfs', uuid);
  if (refused !== null) throw new DeployError('shrink-failed', refused);
  const directory = await mkdtemp(path.join(tmpdir(), 'deploy-os-shrink-'));
  try {
    await mount({ type: 'btrfs', source: file, directory, options: ['loop', 'nosuid', 'nodev', 'noexec'] });
    try {
      return await work(directory);
    } finally {
      await unmount(directory, { patienceMs: 10_000, thenDetach: true });
    }
  } finally {
    await rmdir(directory);
  }
}

/** Runs a tool that has to end with one of `good`; answers what it said. @throws shrink-failed, tool-missing, cancelled */
async function must(
  program: string,
  args: readonly string[],
  signal: AbortSignal | undefined,
  good: readonly number[] = [0],
): Promise<string> {
  const { status, said } = await runTool(program, args, { signal });
  if (status !== null && good.includes(status)) return said;
  const last = said
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(-4);
  throw new DeployError('shrink-failed', `${program} ended with ${status ?? 'a signal'}: ${last.join('; ')}`);
}

async function askNumber(
  program: string,
  args: readonly string[],
  pattern: RegExp,
  signal: AbortSignal | undefined,
): Promise<number> {
  const said = await must(program, args, signal);
  const found = pattern.exec(said)?.[1];
  if (found === undefined)
    throw new DeployError('shrink-failed', `${program} does not say how small it could be: ${said.slice(-300)}`);
  return Number(found);
}
