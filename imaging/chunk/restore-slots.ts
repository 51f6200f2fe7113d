// The restore's data path: chunks are fetched, checked and written slot by slot, and read back from the medium afterwards.
import { DeployError } from '../../protocol/errors.ts';
import { type Extent, totalBytes } from '../extent.ts';
import { loadSegment } from '../manifest/load-image.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type Slot, slotPlace } from '../manifest/segment.ts';
import type { Progress, ProgressPhase, RunOptions } from '../progress.ts';
import type { ChunkStore } from '../store/chunk-store.ts';
import { BoundedTasks } from './bounded-tasks.ts';
import { ownedMemory } from './memory.ts';
import { intersect, shift, subtract } from './ranges.ts';
import { closeGaps, segmentSizeBytes } from './slots.ts';
import type { SlotPlace } from './worker-messages.ts';
import { WorkerPool } from './worker-pool.ts';

export type RestoreSlotsOptions = RunOptions & {
  readonly manifest: Manifest;
  readonly store: ChunkStore;
  readonly target: { readonly path: string; readonly label: string };
  /** Write and read back past the page cache; false where the file system cannot. */
  readonly direct: boolean;
  /** Ranges of the target that are written last. In order, merged. */
  readonly heldBack: readonly Extent[];
  /** Unused gaps up to this long between used bytes are overwritten with zeros, which is quicker than leaving them out. */
  readonly gapBytes: number;
  /** What is not written reads as zeros, so that zeros need no writing. */
  readonly zerosKnown: boolean;
  readonly workers?: number;
};

export class SlotRestorer {
  readonly #options: RestoreSlotsOptions;
  readonly #writers: WorkerPool;
  readonly #readers: WorkerPool;
  readonly #progress: { -readonly [Key in keyof Progress]: Progress[Key] };
  bytesWritten = 0;
  bytesVerified = 0;
  bytesFetched = 0;

  constructor(options: RestoreSlotsOptions) {
    const { manifest, target, workers } = options;
    const { chunkSizeBytes } = manifest;
    const device = { path: target.path, label: target.label, role: 'target' } as const;
    this.#options = options;
    const [write, read] = options.direct ? (['direct-write', 'direct-read'] as const) : (['write', 'read'] as const);
    this.#writers = new WorkerPool({ device: { ...device, mode: write }, chunkSizeBytes }, workers);
    this.#readers = new WorkerPool({ device: { ...device, mode: read }, chunkSizeBytes }, workers);
    this.#progress = { phase: 'write', bytesDone: 0, bytesTotal: manifest.usedBytes, bytesTransferred: 0 };
  }

  /** Writes everything but the ranges held back. */
  async writeAll(): Promise<void> {
    this.#begin('write');
    await this.#forEachSlot(this.#everySegment(), this.#writers.size, async (slot, place) => {
      const { gapBytes, heldBack } = this.#options;
      const writes = subtract(closeGaps(slot.used, gapBytes), shift(heldBack, -place.offsetBytes));
      await this.#write(slot, place, writes);
      this.#advance(slot);
    });
  }

  /** Reads back every slot that `writeAll` has finished. @throws read-back-mismatch */
  async readBackAll(): Promise<void> {
    this.#begin('read-back');
    await this.#forEachSlot(this.#everySegment(), this.#readers.size, async (slot, place) => {
      const held = intersect(slot.used, shift(this.#options.heldBack, -place.offsetBytes));
      if (held.length === 0) await this.#readBack(slot, place);
      this.#advance(slot);
    });
  }

  /** Writes the used bytes of `ranges`, which were held back. */
  async writeHeldBack(ranges: readonly Extent[]): Promise<void> {
    await this.#forEachSlot(this.#segmentsOf(ranges), this.#writers.size, async (slot, place) => {
      await this.#write(slot, place, intersect(slot.used, shift(ranges, -place.offsetBytes)));
    });
  }

  /** Reads back every slot that lies partly in a range held back. @throws read-back-mismatch */
  async readBackHeldBack(): Promise<void> {
    const { heldBack } = this.#options;
    await this.#forEachSlot(this.#segmentsOf(heldBack), this.#readers.size, async (slot, place) => {
      const held = intersect(slot.used, shift(heldBack, -place.offsetBytes));
      if (held.length > 0) await this.#readBack(slot, place);
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#writers.close(), this.#readers.close()]);
  }

  async #forEachSlot(
    segments: Iterable<number>,
    limit: number,
    work: (slot: Slot, place: SlotPlace) => Promise<void>,
  ): Promise<void> {
    const { manifest, store, signal } = this.#options;
    const disk = { sizeBytes: manifest.geometry.sizeBytes, chunkSizeBytes: manifest.chunkSizeBytes };
    const tasks = new BoundedTasks(limit, signal);
    try {
      for (const segment of segments) {
        for (const slot of await loadSegment(store, manifest, segment, signal)) {
          await tasks.start(() => work(slot, slotPlace(disk, segment, slot.index)));
        }
      }
    } finally {
      await tasks.finish();
    }
  }

  #everySegment(): Iterable<number> {
    return this.#options.manifest.segments.keys();
  }

  #segmentsOf(ranges: readonly Extent[]): Iterable<number> {
    const last = this.#options.manifest.segments.length - 1;
    const ends = ranges.flatMap((range) => [range.startBytes, range.startBytes + range.lengthBytes - 1]);
    return new Set(ends.map((at) => Math.floor(at / segmentSizeBytes)).filter((segment) => segment <= last));
  }

  async #write({ digest }: Slot, place: SlotPlace, writes: readonly Extent[]): Promise<void> {
    if (writes.length === 0 || (digest === null && this.#options.zerosKnown)) return;
    const { store, signal } = this.#options;
    const stored = digest === null ? null : await store.getChunk(digest, signal);
    this.bytesFetched += stored?.length ?? 0;
    await this.#writers.lease(({ buffer, ask }) =>
      ask('writeSlot', { buffer, ...place, digest, stored, writes }, ownedMemory(stored)),
    );
    this.bytesWritten += totalBytes(writes);
  }

  async #readBack({ digest, used }: Slot, place: SlotPlace): Promise<void> {
    const found = await this.#readers.lease(({ buffer, ask }) => ask('readSlot', { buffer, ...place, used }));
    this.bytesVerified += totalBytes(used);
    if (found.digest === digest) return;
    const { target } = this.#options;
    throw new DeployError(
      'read-back-mismatch',
      `${target.label} does not give back what was written at bytes ${place.offsetBytes} to ${place.offsetBytes + place.lengthBytes - 1}`,
      { hint: 'The disk, its controller, its cable or the memory is failing. Do not use this disk.' },
    );
  }

  #begin(phase: ProgressPhase): void {
    Object.assign(this.#progress, { phase, bytesDone: 0 });
    this.#options.onProgress?.({ ...this.#progress });
  }

  #advance(slot: Slot): void {
    this.#progress.bytesDone += totalBytes(slot.used);
    this.#progress.bytesTransferred = this.bytesFetched;
    this.#options.onProgress?.({ ...this.#progress });
  }
}
