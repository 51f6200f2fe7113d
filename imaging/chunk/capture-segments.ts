// The capture's data path: every used slot is read, digested and, if the store lacks it, compressed and sent; then its segment's index.
import type { DiskMap } from '../disk-map.ts';
import { type Extent, totalBytes } from '../extent.ts';
import { encodeSegment, type Slot } from '../manifest/segment.ts';
import type { Progress, RunOptions } from '../progress.ts';
import type { ChunkStore, Digest } from '../store/chunk-store.ts';
import { BoundedTasks } from './bounded-tasks.ts';
import type { DeviceAccess } from './device-io.ts';
import { MissingQuery } from './missing-query.ts';
import { planSegments, type SegmentPlan, segmentSizeBytes, slotLengthBytes, type UsedSlot } from './slots.ts';
import { UploadQueue } from './upload-queue.ts';
import type { SlotPlace } from './worker-messages.ts';
import { WorkerPool } from './worker-pool.ts';

export type CaptureSegmentsOptions = RunOptions & {
  readonly source: DeviceAccess;
  readonly store: ChunkStore;
  readonly chunkSizeBytes: number;
  readonly level: number;
  readonly workers?: number;
  /** The digests that the parent image has in segment `index`: known to be in the store without asking. */
  readonly knownDigests: (index: number) => Promise<ReadonlySet<Digest>>;
};

export type CaptureCounts = {
  /** Used bytes read from the source. */
  bytesRead: number;
  /** Of those, bytes in chunks that the store did not have. */
  bytesNew: number;
  /** What was sent to the store, compressed, indexes included. */
  bytesSent: number;
  /** Used slots: all, all zero, already in the store, sent. */
  slots: number;
  slotsZero: number;
  slotsKnown: number;
  slotsSent: number;
};

export type CapturedSegments = { readonly segments: (Digest | null)[]; readonly counts: CaptureCounts };

/** Captures the used extents of `map`; when it returns, the store has accepted every chunk (durable after its `flush`). */
export async function captureSegments(
  map: Pick<DiskMap, 'used' | 'sizeBytes'>,
  options: CaptureSegmentsOptions,
): Promise<CapturedSegments> {
  const pool = new WorkerPool({ device: options.source, chunkSizeBytes: options.chunkSizeBytes }, options.workers);
  try {
    return await new SegmentCapture(pool, totalBytes(map.used), options).run(map);
  } finally {
    await pool.close();
  }
}

/** Digests of chunks now on their way, so that two equal ones are sent once. Old ones are dropped: the store knows them by then. */
const maxClaimed = 4096;

/** Slots that go through a worker together: a thread is woken once for all of them. */
const slotsAtOnce = 4;

class SegmentCapture {
  readonly #pool: WorkerPool;
  readonly #options: CaptureSegmentsOptions;
  readonly #missing: MissingQuery;
  readonly #uploads: UploadQueue;
  readonly #claimed = new Set<Digest>();
  readonly #segments: (Digest | null)[] = [];
  readonly #progress: { -readonly [Key in keyof Progress]: Progress[Key] };
  readonly #counts = { bytesRead: 0, bytesNew: 0, bytesSent: 0, slots: 0, slotsZero: 0, slotsKnown: 0, slotsSent: 0 };

  constructor(pool: WorkerPool, usedBytes: number, options: CaptureSegmentsOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#missing = new MissingQuery(options.store, options.signal);
    this.#uploads = new UploadQueue(options.store, options.signal);
    this.#progress = { phase: 'capture', bytesDone: 0, bytesTotal: usedBytes, bytesTransferred: 0 };
  }

  async run(map: Pick<DiskMap, 'used' | 'sizeBytes'>): Promise<CapturedSegments> {
    const tasks = new BoundedTasks(Math.ceil((2 * this.#pool.size) / slotsAtOnce), this.#options.signal);
    try {
      for (const plan of planSegments(map.used, map.sizeBytes, this.#options.chunkSizeBytes)) {
        this.#segments[plan.index] = null;
        if (plan.slots.length > 0) await this.#startSegment(plan, tasks);
      }
    } finally {
      await tasks.finish();
    }
    await this.#uploads.finish();
    this.#counts.bytesSent = this.#uploads.bytesSent;
    return { segments: this.#segments, counts: this.#counts };
  }

  async #startSegment(plan: SegmentPlan, tasks: BoundedTasks): Promise<void> {
    const known = await this.#options.knownDigests(plan.index);
    const captured: Slot[] = [];
    let left = plan.slots.length;
    for (let first = 0; first < plan.slots.length; first += slotsAtOnce) {
      const slots = plan.slots.slice(first, first + slotsAtOnce);
      await tasks.start(async () => {
        const digests = await this.#captureSlots(plan, slots, known);
        for (const [i, slot] of slots.entries()) captured[first + i] = { ...slot, digest: digests[i] ?? null };
        left -= slots.length;
        if (left === 0) this.#segments[plan.index] = await this.#sendIndex(plan, captured);
      });
    }
  }

  async #captureSlots(
    plan: SegmentPlan,
    slots: readonly UsedSlot[],
    known: ReadonlySet<Digest>,
  ): Promise<(Digest | null)[]> {
    const places = slots.map((slot) => this.#placeOf(plan, slot));
    const { digests, fresh } = await this.#readAndPack(places, known);
    for (const chunk of fresh) await this.#uploads.add(chunk);
    const sent = new Set(fresh.map(({ index }) => index));
    for (const [index, { used, lengthBytes }] of places.entries()) {
      if (sent.has(index)) this.#counts.bytesNew += lengthBytes;
      this.#count(totalBytes(used), digests[index] ?? null, sent.has(index));
    }
    return digests;
  }

  #placeOf(plan: SegmentPlan, { index, used }: UsedSlot): SlotPlace & { used: readonly Extent[] } {
    const { chunkSizeBytes } = this.#options;
    const lengthBytes = slotLengthBytes(plan.lengthBytes, chunkSizeBytes, index);
    return { offsetBytes: plan.index * segmentSizeBytes + index * chunkSizeBytes, lengthBytes, used };
  }

  /** The digests of all, and the stored forms of those that the store lacks, each with its place in `places`. */
  #readAndPack(places: readonly (SlotPlace & { used: readonly Extent[] })[], known: ReadonlySet<Digest>) {
    return this.#pool.leaseMany(places.length, async ({ buffers, ask }) => {
      const slots = places.map((place, i) => ({ ...place, buffer: buffers[i] as number }));
      const { digests } = await ask('readSlots', { slots });
      const missing = await Promise.all(digests.map((digest) => this.#isToSend(digest, known)));
      const indexes = [...slots.keys()].filter((i) => missing[i]);
      if (indexes.length === 0) return { digests, fresh: [] };
      const wanted = indexes.map((i) => slots[i] as (typeof slots)[0]);
      const { stored } = await ask('packSlots', { slots: wanted, level: this.#options.level });
      const fresh = indexes.map((index, i) => ({
        index,
        digest: digests[index] as Digest,
        stored: stored[i] as Uint8Array,
      }));
      return { digests, fresh };
    });
  }

  async #isToSend(digest: Digest | null, known: ReadonlySet<Digest>): Promise<boolean> {
    return digest !== null && !known.has(digest) && (await this.#claim(digest));
  }

  /** Whether this slot is the one to send the chunk. */
  async #claim(digest: Digest): Promise<boolean> {
    if (this.#claimed.has(digest)) return false;
    this.#claimed.add(digest);
    for (const oldest of this.#claimed) {
      if (this.#claimed.size <= maxClaimed) break;
      this.#claimed.delete(oldest);
    }
    return await this.#missing.isMissing(digest);
  }

  async #sendIndex(plan: SegmentPlan, slots: readonly Slot[]): Promise<Digest> {
    const { chunkSizeBytes, level } = this.#options;
    const bytes = encodeSegment({ lengthBytes: plan.lengthBytes, chunkSizeBytes, slots });
    const { digest, stored } = await this.#pool.lease(({ ask }) => ask('packBytes', { bytes, level }));
    if (await this.#claim(digest)) await this.#uploads.add({ digest, stored });
    return digest;
  }

  #count(usedBytes: number, digest: Digest | null, sent: boolean): void {
    this.#counts.slots++;
    this.#counts.bytesRead += usedBytes;
    if (digest === null) this.#counts.slotsZero++;
    else if (sent) this.#counts.slotsSent++;
    else this.#counts.slotsKnown++;
    this.#progress.bytesDone += usedBytes;
    this.#progress.bytesTransferred = this.#uploads.bytesSent;
    this.#options.onProgress?.({ ...this.#progress });
  }
}
