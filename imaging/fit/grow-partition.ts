// The step behind a restore that was read back: the file system in a partition that was given room takes it. If it cannot, what was restored stays.
import type { FileHandle } from 'node:fs/promises';
import { toDeployError } from '../../protocol/errors.ts';
import { openReader } from '../blockdev/open-reader.ts';
import { readFileSystem } from '../fs/detect.ts';
import { growers } from './file-system-tools.ts';
import type { Grown } from './fit-image.ts';
import { withLoopWindow } from './loop-window.ts';

export type GrowTarget = {
  readonly path: string;
  readonly handle: FileHandle;
  readonly sectorSizeBytes: number;
  /** The disk is in use beside the partition: its first sector is none of ours. */
  readonly bootSectorStays?: boolean;
};

export type Growth = {
  /** 0 for a disk without a table. */
  readonly partition: number;
  readonly fileSystem: string | null;
  readonly oldSizeBytes: number;
  /** The partition has this size in any case. */
  readonly sizeBytes: number;
  readonly fileSystemGrown: boolean;
  /** Why not, or what else a person should know. */
  readonly note: string | null;
};

/**
 * Grows the file system of `grown` on `target`, whose bytes are as restored. While a tool writes, the disk's first sector is blank:
 * a power cut leaves a disk that does not boot instead of a half-grown one that does. When a tool fails after its first
 * write, `rewrite` has to put the partition back as it was.
 * @throws what writing the first sector or `rewrite` throws; a file system that cannot grow is an answer
 */
export async function growPartition(target: GrowTarget, grown: Grown, rewrite: () => Promise<void>): Promise<Growth> {
  const { number, fileSystem, oldSizeBytes, sizeBytes, startBytes } = grown;
  const answer = { partition: number, fileSystem, oldSizeBytes, sizeBytes };
  const grow = growers[fileSystem ?? ''];
  const refusal =
    grow === undefined
      ? `there is no tool that grows ${fileSystem ?? 'what is in it'}`
      : grown.reader === 'raw'
        ? `its ${fileSystem} was not sound when it was captured`
        : null;
  if (grow === undefined || refusal !== null) return { ...answer, fileSystemGrown: false, note: refusal };
  let begun = false;
  const begin = () => {
    begun = true;
  };
  return await withoutBootSector(target, startBytes, async () => {
    try {
      const window = { path: target.path, startBytes, sizeBytes, sectorSizeBytes: target.sectorSizeBytes };
      const note = await withLoopWindow(window, async (devicePath) => {
        const found = await grow(devicePath, begin, grown);
        if (fileSystem !== 'ntfs') await expectSound(devicePath);
        return found;
      });
      return { ...answer, fileSystemGrown: true, note };
    } catch (thrown) {
      if (begun) await rewrite();
      return { ...answer, fileSystemGrown: false, note: toDeployError(thrown).message };
    }
  });
}

/** Our own reader's word. NTFS says of itself that it wants a check. */
async function expectSound(devicePath: string): Promise<void> {
  const reader = await openReader(devicePath);
  try {
    const { reader: name, notes } = await readFileSystem(reader);
    if (name === 'raw') throw new Error(`after growing: ${notes.join(', ')}`);
  } finally {
    await reader.close();
  }
}

/** A partition that starts with the disk keeps its first sector: it is the file system's own. */
async function withoutBootSector<Result>(
  { handle, sectorSizeBytes, bootSectorStays }: GrowTarget,
  startBytes: number,
  work: () => Promise<Result>,
): Promise<Result> {
  if (bootSectorStays || startBytes < sectorSizeBytes) return await work();
  const { buffer: bytes } = await handle.read(Buffer.alloc(sectorSizeBytes), 0, sectorSizeBytes, 0);
  await writeBootSector(handle, Buffer.alloc(sectorSizeBytes));
  const result = await work();
  await writeBootSector(handle, bytes);
  return result;
}

async function writeBootSector(handle: FileHandle, bytes: Buffer): Promise<void> {
  await handle.write(bytes, 0, bytes.length, 0);
  await handle.sync();
}
