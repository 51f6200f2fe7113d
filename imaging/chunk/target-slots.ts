// The slots of a restore's target as they lie on the disk: read and digested, copied from place to place, written; by the workers.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { type Extent, totalBytes } from '../extent.ts';
import type { Digest, StoredChunk } from '../store/chunk-store.ts';
import { ownedMemory } from './memory.ts';
import { intersect } from './ranges.ts';
import type { SlotPlace } from './worker-messages.ts';
import { WorkerPool } from './worker-pool.ts';

export type TargetDevice = {
  readonly path: string;
  readonly label: string;
  /** Where it ends. */
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  /** Where it begins, for a restore into a part of the device. */
  readonly startBytes?: number;
  /** Where on the device byte 0 of the places would lie, for such a restore. */
  readonly baseBytes?: number;
};

/** One at work, and what comes next. */
const buffersPerThread = 4;

type Options = {
  readonly target: TargetDevice;
  /** Write and read past the page cache; false where the file system cannot. */
  readonly direct: boolean;
  readonly chunkSizeBytes: number;
  readonly workers?: number | undefined;
};

export class TargetSlots {
  readonly #target: TargetDevice;
  readonly #pool: WorkerPool;
  bytesWritten = 0;

  constructor({ target, direct, chunkSizeBytes, workers }: Options) {
    this.#target = target;
    const { path, label, sectorSizeBytes, baseBytes = 0 } = target;
    const mode = direct ? 'direct-update' : 'update';
    const device = { path, label, sectorSizeBytes, baseBytes, role: 'target', mode } as const;
    this.#pool = new WorkerPool({ device, chunkSizeBytes, bufferCount: buffersPerThread }, workers);
  }

  /** How many slots can be worked on at once. */
  get size(): number {
    return this.#pool.size;
  }

  /** The digest of the used bytes there, null when all are zero. @throws read-back-mismatch (a bad sector), target-vanished */
  async #read(place: SlotPlace, used: readonly Extent[]): Promise<Digest | null> {
    return (await this.#pool.lease(({ buffer, ask }) => ask('readSlot', { buffer, ...place, used }))).digest;
  }

  /** Whether those bytes are there. A slot that cannot be read does not hold them: writing may make a disk replace the sector. */
  async holds(digest: Digest | null, place: SlotPlace, used: readonly Extent[]): Promise<boolean> {
    return await this.#read(place, used).then((found) => found === digest, unlessUnreadable);
  }

  /** @throws read-back-mismatch when other bytes are there, or none can be read */
  async check(digest: Digest | null, place: SlotPlace, used: readonly Extent[]): Promise<void> {
    if ((await this.#read(place, used)) === digest) return;
    const { label, sectorSizeBytes, baseBytes = 0 } = this.#target;
    const firstByte = baseBytes + place.offsetBytes;
    const lastByte = firstByte + place.lengthBytes - 1;
    const sectors = [firstByte, lastByte].map((at) => Math.floor(at / sectorSizeBytes)).join(' to ');
    throw new DeployError(
      'read-back-mismatch',
      `${label} does not give back what was written at bytes ${firstByte} to ${lastByte} (sectors ${sectors})`,
      { hint: 'The disk, its controller, its cable or the memory is failing. Do not use this disk.' },
    );
  }

  /**
   * Copies a slot from another place if that holds its chunk, which only the digest can tell: another slot may be about to
   * overwrite that place, and unused bytes in it are anything. Answers whether it did.
   */
  async copy(
    from: number,
    slot: { digest: Digest; used: readonly Extent[] },
    to: SlotPlace,
    writes: readonly Extent[],
  ) {
    return await this.#pool.lease(async ({ buffer, ask }) => {
      const source = { buffer, offsetBytes: from, lengthBytes: to.lengthBytes, used: slot.used };
      const holds = await ask('readSlot', source).then(({ digest }) => digest === slot.digest, unlessUnreadable);
      if (!holds) return false;
      await ask('writeBuffer', { buffer, ...to, writes });
      this.bytesWritten += totalBytes(writes);
      return true;
    });
  }

  /**
   * Looks at what is there: `right` when it is the slot. If what `fetchPatch` then brings makes the slot out of it, the ranges
   * that change are written, and it is `patched`; else nothing is written. @throws chunk-corrupt, target-write, target-vanished, store errors
   */
  async compare(
    { digest, used }: { digest: Digest | null; used: readonly Extent[] },
    place: SlotPlace,
    writes: readonly Extent[],
    fetchPatch: (digest: Digest) => Promise<StoredChunk | null>,
  ): Promise<'right' | 'patched' | 'other'> {
    return await this.#pool.lease(async ({ buffer, ask }) => {
      const found = await ask('readSlot', { buffer, ...place, used }).catch(unlessUnreadable);
      if (found !== false && found.digest === digest) return 'right';
      const patch = digest === null || found === false ? null : await fetchPatch(digest);
      if (digest === null || patch === null) return 'other';
      const { changes } = await ask('patchBuffer', { buffer, lengthBytes: place.lengthBytes, digest, patch });
      if (changes === null) return 'other';
      const changed = intersect(changes, writes);
      await ask('writeBuffer', { buffer, ...place, writes: changed });
      this.bytesWritten += totalBytes(changed);
      return 'patched';
    });
  }

  /** Writes those ranges of the chunk, once its digest is checked; zeros where it is null. @throws chunk-corrupt, target-write, target-vanished */
  async write(chunk: { digest: Digest; stored: Uint8Array } | null, place: SlotPlace, writes: readonly Extent[]) {
    const { digest, stored } = chunk ?? { digest: null, stored: null };
    await this.#pool.lease(({ buffer, ask }) =>
      ask('writeSlot', { buffer, ...place, digest, stored, writes }, ownedMemory(stored)),
    );
    this.bytesWritten += totalBytes(writes);
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

function unlessUnreadable(thrown: unknown): false {
  if (toDeployError(thrown).code !== 'read-back-mismatch') throw thrown;
  return false;
}
