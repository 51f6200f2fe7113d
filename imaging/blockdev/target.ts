// The target of a restore while it is ours: opened exclusively, blanked at its edges, discarded, flushed.
import { execFile } from 'node:child_process';
import { constants, type FileHandle, open } from 'node:fs/promises';
import { promisify } from 'node:util';
import { DeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import { errnoOf } from '../chunk/device-io.ts';
import type { Extent } from '../extent.ts';
import type { TargetFacts } from './check-target.ts';
import { encodeMark, markPlace, type RestoreMark } from './restore-mark.ts';
import { writeAll } from './whole-transfers.ts';

const run = promisify(execFile);

export type Target = {
  readonly path: string;
  readonly label: string;
  readonly kind: 'block' | 'file';
  /** Where it ends. */
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  /** Where it begins, if it is only a part of what is opened; and what is added to every place to find it there. 0 unless told. */
  readonly startBytes?: number;
  readonly baseBytes?: number;
  /** Just made, so that all of it reads as zeros. */
  readonly isNew: boolean;
  readonly handle: FileHandle;
};

/**
 * Opens a block device exclusively, or a file; a file that does not exist is made, sparse, of `newSizeBytes`. What is there and not `writes` is opened for
 * reading: udev looks at a disk, and has its partition table read anew, when one who might have written closes it.
 * @throws target-busy, target-read-only, device-not-found, target-write
 */
export async function openTarget(
  facts: TargetFacts & { readonly path: string },
  newSizeBytes: number,
  { writes = true }: { readonly writes?: boolean } = {},
): Promise<Target> {
  const { path, label, kind, sectorSizeBytes } = facts;
  const { O_RDONLY, O_RDWR, O_EXCL, O_CREAT } = constants;
  try {
    if (facts.exists) {
      const handle = await open(path, (writes ? O_RDWR : O_RDONLY) | (kind === 'block' ? O_EXCL : 0));
      return { path, label, kind, sizeBytes: facts.sizeBytes, sectorSizeBytes, isNew: false, handle };
    }
    const handle = await open(path, O_RDWR | O_CREAT | O_EXCL, 0o644);
    await handle.truncate(newSizeBytes);
    return { path, label, kind, sizeBytes: newSizeBytes, sectorSizeBytes, isNew: true, handle };
  } catch (thrown) {
    throw openError(label, thrown);
  }
}

function openError(label: string, thrown: unknown): DeployError {
  const code = errnoOf(thrown);
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  if (code === 'EBUSY') {
    return new DeployError('target-busy', `${label} is in use by another program`, {
      cause: thrown,
      hint: 'Unmount it, and stop arrays, swap and other programs that use it.',
    });
  }
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return new DeployError('target-read-only', `${label} cannot be opened for writing: ${why}`, { cause: thrown });
  }
  if (code === 'ENOENT') {
    return new DeployError('device-not-found', `there is no ${label}: ${why}`, { cause: thrown });
  }
  return new DeployError('target-write', `opening ${label}: ${why}`, { cause: thrown });
}

const blank = Buffer.alloc(2 ** 20);

/** Zeros the ranges, leaves the mark of a restore in them if one is given, and flushes. @throws target-write, target-vanished */
export async function blankRanges(target: Target, ranges: readonly Extent[], mark?: RestoreMark): Promise<void> {
  const { handle, baseBytes = 0 } = target;
  await withTargetErrors(target, 'blanking', async () => {
    for (const { startBytes, lengthBytes } of ranges) {
      for (let done = 0; done < lengthBytes; ) {
        const length = Math.min(blank.length, lengthBytes - done);
        await writeAll(handle, blank.subarray(0, length), baseBytes + startBytes + done);
        done += length;
      }
      // A power cut must not leave the first sectors of a disk whose last ones are blank already.
      await handle.sync();
    }
    const { startBytes, lengthBytes } = markPlaceOn(target);
    if (mark !== undefined && target.sizeBytes >= startBytes + lengthBytes) {
      await writeAll(handle, encodeMark(mark), baseBytes + startBytes);
    }
    await handle.sync();
  });
}

/** Where on the target the mark of an unfinished restore stands. */
export function markPlaceOn({ startBytes = 0 }: Target): Extent {
  return { ...markPlace, startBytes: startBytes + markPlace.startBytes };
}

/** Returns when everything written is on the medium. @throws target-write, target-vanished */
export async function flushTarget(target: Target): Promise<void> {
  await withTargetErrors(target, 'flushing', () => target.handle.sync());
}

/**
 * Tells the device that the range is unused: TRIM, UNMAP or a hole in a file. Answers whether it was done; many devices cannot.
 * The exclusive lock is ours already, so the tool has to be forced past it.
 */
export async function discardRange(
  target: Target,
  { startBytes, lengthBytes }: Extent,
  signal?: AbortSignal,
): Promise<boolean> {
  if (lengthBytes <= 0) return false;
  const offsetBytes = (target.baseBytes ?? 0) + startBytes;
  const range = ['--offset', String(offsetBytes), '--length', String(lengthBytes), target.path];
  const [tool, options] = target.kind === 'block' ? ['blkdiscard', ['--force']] : ['fallocate', ['--punch-hole']];
  try {
    await run(tool, [...options, ...range], signal === undefined ? {} : { signal });
    return true;
  } catch {
    throwIfCancelled(signal);
    return false;
  }
}

/** Has the kernel read the partition table anew; best effort, because a reboot does it as well. */
export async function rereadPartitions(target: Target): Promise<void> {
  if (target.kind === 'block') await run('blockdev', ['--rereadpt', target.path]).catch(() => {});
}

/** The same, of one that was not opened for writing and has changed all the same: closed by a writer, udev looks at what is in it, too. */
export async function announceChange(target: Target): Promise<void> {
  const handle = await open(target.path, constants.O_RDWR).catch(() => null);
  await handle?.close();
  await rereadPartitions(target);
}

/** What `work` throws of the system's, as an error of the target's. */
export async function withTargetErrors<T>(
  target: Target,
  doing: string,
  work: () => Promise<T>,
  code: 'target-write' | 'read-back-mismatch' = 'target-write',
): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof DeployError) throw thrown;
    const gone = ['ENXIO', 'ENODEV', 'ENOMEDIUM'].includes(errnoOf(thrown) ?? '');
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    throw new DeployError(gone ? 'target-vanished' : code, `${doing} ${target.label}: ${why}`, {
      cause: thrown,
      hint: 'Check the disk, its cable and the kernel log.',
    });
  }
}
