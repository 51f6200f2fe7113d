// A file system on a device of our own, mounted for as long as something works in it: what only the kernel can do to it, or what is in its files.
import { access, mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeployError, type ErrorCode } from '../../protocol/errors.ts';
import { mustRun, runTool } from '../run-tool.ts';

export type Mountable = {
  readonly devicePath: string;
  readonly fileSystem: string;
  /** Null where it is not known, or new. */
  readonly uuid: string | null;
};

/** What it runs. */
export const mountPrograms: readonly string[] = ['mount', 'umount'];

/** The kernel takes two devices with one UUID for the same Btrfs: one that is mounted already stands in the way. @throws `code` */
export async function refuseMounted(
  code: ErrorCode,
  { fileSystem, uuid }: Omit<Mountable, 'devicePath'>,
): Promise<void> {
  if (fileSystem !== 'btrfs' || uuid === null || !(await isThere(`/sys/fs/btrfs/${uuid}`))) return;
  throw new DeployError(code, `a Btrfs with its UUID (${uuid}) is mounted on this machine`);
}

/** Gives `work` the folder that the file system is mounted at. An XFS of the same UUID may be mounted already. @throws `code`, tool-missing, and what `work` throws */
export async function withMounted<Result>(
  code: ErrorCode,
  mountable: Mountable,
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  await refuseMounted(code, mountable);
  const { devicePath, fileSystem } = mountable;
  const folder = await mkdtemp(join(tmpdir(), 'deploy-os-mounted-'));
  const options = ['nosuid', 'nodev', 'noexec', ...(fileSystem === 'xfs' ? ['nouuid'] : [])].join(',');
  try {
    await mustRun(code, 'mount', ['-t', fileSystem, '-o', options, devicePath, folder]);
    try {
      return await work(folder);
    } finally {
      await mustRun(code, 'umount', [folder]);
    }
  } finally {
    if (fileSystem === 'btrfs') await runTool('btrfs', ['device', 'scan', '--forget', devicePath]);
    await rmdir(folder).catch(() => {});
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
