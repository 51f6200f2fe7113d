// Behind a restore that was read back: a file system's own tool changes one partition, or leaves it as it was restored.
import type { FileHandle } from 'node:fs/promises';
import { toDeployError } from '../../protocol/errors.ts';
import { openReader } from '../blockdev/open-reader.ts';
import { readUpTo, writeAll } from '../blockdev/whole-transfers.ts';
import { readFileSystem } from '../fs/detect.ts';
import type { FileSystemMap } from '../fs/file-system-reader.ts';
import type { Place } from '../partition/table-change.ts';
import { withLoopWindow } from './loop-window.ts';

export type ChangeTarget = {
  readonly path: string;
  readonly handle: FileHandle;
  readonly sectorSizeBytes: number;
  /** The disk is in use beside the partition: its first sector is none of ours. */
  readonly bootSectorStays?: boolean;
};

/**
 * Gives `change` the partition at `place` as a device of its own; it calls `begin` before its first write. While it works, the disk's
 * first sector is blank: a power cut leaves a disk that does not boot instead of a half-changed one that does. When it fails after
 * its first write, `rewrite` has to put the partition back as it was; the answer then says why it failed.
 * @throws what writing the first sector or `rewrite` throws
 */
export async function changePartition<Result>(
  target: ChangeTarget,
  { startBytes, sizeBytes }: Place,
  rewrite: () => Promise<void>,
  change: (devicePath: string, begin: () => void) => Promise<Result>,
): Promise<{ readonly result: Result } | { readonly why: string }> {
  let begun = false;
  const begin = () => {
    begun = true;
  };
  const { path, sectorSizeBytes } = target;
  return await withoutBootSector(target, startBytes, async () => {
    try {
      const window = { path, startBytes, sizeBytes, sectorSizeBytes };
      return { result: await withLoopWindow(window, (devicePath) => change(devicePath, begin)) };
    } catch (thrown) {
      if (begun) await rewrite();
      return { why: toDeployError(thrown).message };
    }
  });
}

/**
 * What our own reader finds on a device that was changed. NTFS need not be vouched for: once grown, it says of itself that it wants a check.
 * @throws when the reader does not vouch for it
 */
export async function readSound(devicePath: string): Promise<Pick<FileSystemMap, 'uuid' | 'volumes'>> {
  const reader = await openReader(devicePath);
  try {
    const { fileSystem, reader: name, notes, ...map } = await readFileSystem(reader);
    if (name === 'raw' && fileSystem !== 'ntfs') throw new Error(`afterwards: ${notes.join(', ')}`);
    return map;
  } finally {
    await reader.close();
  }
}

/** A partition that starts with the disk keeps its first sector: it is the file system's own. */
async function withoutBootSector<Result>(
  { handle, sectorSizeBytes, bootSectorStays }: ChangeTarget,
  startBytes: number,
  work: () => Promise<Result>,
): Promise<Result> {
  if (bootSectorStays || startBytes < sectorSizeBytes) return await work();
  const bytes = Buffer.alloc(sectorSizeBytes);
  await readUpTo(handle, bytes, 0);
  await writeBootSector(handle, Buffer.alloc(sectorSizeBytes));
  const result = await work();
  await writeBootSector(handle, bytes);
  return result;
}

async function writeBootSector(handle: FileHandle, bytes: Buffer): Promise<void> {
  await writeAll(handle, bytes, 0);
  await handle.sync();
}
