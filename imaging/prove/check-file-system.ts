// Has one partition of an image checked by its file system's own tool, which changes nothing.
import { mkdtemp, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { toDeployError } from '../../protocol/errors.ts';
import { openReader } from '../blockdev/open-reader.ts';
import { hasExternalLog, superblockBytes } from '../fs/xfs-superblock.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { mount, unmount } from '../mount/mount-table.ts';
import { runTool } from '../run-tool.ts';
import { checkerOf } from './checkers.ts';

export type FileSystemVerdict = {
  readonly number: number;
  readonly fileSystem: string | null;
  /** `unproved`: nothing here can say. */
  readonly verdict: 'clean' | 'faulty' | 'unproved';
  /** The command that was run, without the file. */
  readonly tool: string | null;
  /** What the tool said in the end, or why there was none. */
  readonly said: string;
};

const maxSaid = 2000;

/** `file` shows the partition writable, on an overlay: a log that must be replayed first is replayed there. @throws cancelled */
export async function checkFileSystem(
  file: string,
  partition: Manifest['partitions'][0],
  signal?: AbortSignal,
): Promise<FileSystemVerdict> {
  const { number, fileSystem } = partition;
  const unproved = (said: string) => ({ number, fileSystem, verdict: 'unproved', tool: null, said }) as const;
  if (fileSystem === null) return unproved('no file system was recognised in it');
  const checker = checkerOf(fileSystem);
  if (checker === undefined) return unproved(`nothing checks ${fileSystem}`);
  if (fileSystem === 'xfs' && (await keepsLogElsewhere(file)))
    return unproved('its log is on another device, without which it cannot be checked');
  try {
    if (checker.replay !== undefined) {
      await runTool(checker.replay.program, [...checker.replay.args, file], { signal });
    } else if (fileSystem === 'xfs' && partition.reader === 'raw') await replayByMounting(file, 'xfs');
    const { status, said } = await runTool(checker.program, [...checker.args, file], { signal });
    const verdict = checker.isClean(status, said) ? 'clean' : 'faulty';
    return {
      number,
      fileSystem,
      verdict,
      tool: [checker.program, ...checker.args].join(' '),
      said: said.slice(-maxSaid),
    };
  } catch (thrown) {
    const error = toDeployError(thrown);
    if (error.code !== 'tool-missing') throw error;
    return unproved(error.message);
  }
}

async function keepsLogElsewhere(file: string): Promise<boolean> {
  const reader = await openReader(file);
  try {
    return hasExternalLog(await reader.read(0, superblockBytes));
  } finally {
    await reader.close();
  }
}

/** XFS replays its log only when it is mounted. A kernel that cannot leaves it to the check to say what is wrong. */
async function replayByMounting(file: string, type: string): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'deploy-os-replay-'));
  try {
    await mount({ type, source: file, directory, options: ['loop', 'nosuid', 'nodev', 'noexec', 'nouuid'] });
    await unmount(directory, { patienceMs: 5_000, thenDetach: true });
  } catch (thrown) {
    if (toDeployError(thrown).code !== 'mount-failed') throw thrown;
  } finally {
    await rmdir(directory);
  }
}
