// The capture's data path: every used slot is read, digested and, if the store lacks it, compressed and sent; then its segment's index.
import { toDeployError } from '../../protocol/errors.ts';
import type { DiskMap } from '../disk-map.ts';
import { type Extent, totalBytes } from '../extent.ts';
import { encodePatchList, maxPatches, type Patch, type Patches } from '../manifest/patch-list.ts';
import { encodeSegment, type Slot } from '../manifest/segment.ts';
import type { Progress, RunOptions } from '../progress.ts';
import type { ChunkStore, Digest, StoredChunk } from '../store/chunk-store.ts';
import { BoundedTasks } from './bounded-tasks.ts';
import type { DeviceAccess } from './device-io.ts';
import { ownedMemory } from './memory.ts';
import { MissingQuery } from './missing-query.ts';
import { subtract } from './ranges.ts';
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
  /** What the parent image has in segment `index`. */
  readonly parentSegment: (index: number) => Promise<ParentSegment>;
};

export type ParentSegment = {
  /** Digests of slots that are in the store, as chunks or as the patches that `patches` names: these need neither compressing nor sending. */
  readonly known: ReadonlySet<Digest>;
  readonly patches: Patches;
  /** By slot, a chunk in the store that its new content may be stored as a patch of. */
  readonly bases: ReadonlyMap<number, Digest>;
};

export const noParentSegment: ParentSegment = { known: new Set(), patches: new Map(), bases: new Map() };

export type CaptureCounts = {
  /** Used bytes read from the source; `blank` ones are not. */
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
  /** Of those sent, the ones of which only what sets them apart from the parent's was sent. */
  slotsPatched: number;
};

export type CapturedSegments = {
  readonly segments: (Digest | null)[];
  /** The list of those of their chunks that are stored as patches, a chunk too; null when none is. */
  readonly patches: Digest | null;
  readonly counts: CaptureCounts;
};

type CapturedMap = Pick<DiskMap, 'used' | 'blank' | 'sizeBytes'>;

/** Captures the used extents of `map`; when it returns, the store has accepted every chunk (durable after its `flush`). */
export async function captureSegments(map: CapturedMap, options: CaptureSegmentsOptions): Promise<CapturedSegments> {
  const pool = new WorkerPool({ device: options.source, chunkSizeBytes: options.chunkSizeBytes }, options.workers);
  try {
    const capture = new SegmentCapture(pool, totalBytes(map.used), options);
    try {
      return await capture.run(map);
    } finally {
      await capture.settle();
    }
  } finally {
    await pool.close();
  }
}

/** Digests of chunks now on their way, so that two equal ones are sent once. Old ones are dropped: the store knows them by then. */
const maxClaimed = 4096;

/** What is under way when it is reached fits into the other half. */
const maxNewPatches = maxPatches / 2;

export const noCounts: CaptureCounts = {
  ...{ bytesRead: 0, bytesNew: 0, bytesSent: 0 },
  ...{ slots: 0, slotsZero: 0, slotsKnown: 0, slotsSent: 0, slotsPatched: 0 },
};

/** `index` counts from the segment's first slot; `used` is what is to be read of its `usedBytes`. */
type SlotToCapture = SlotPlace & {
  readonly index: number;
  readonly used: readonly Extent[];
  readonly usedBytes: number;
};

/** Slots that go through a worker together: a thread is woken once for all of them. */
const slotsAtOnce = 4;

class SegmentCapture {
  readonly #pool: WorkerPool;
  readonly #options: CaptureSegmentsOptions;
  readonly #missing: MissingQuery;
  readonly #uploads: UploadQueue;
  readonly #claimed = new Set<Digest>();
  readonly #segments: (Digest | null)[] = [];
  readonly #patches = new Map<Digest, Patch>();
  readonly #progress: { -readonly [Key in keyof Progress]: Progress[Key] };
  readonly #counts: CaptureCounts = { ...noCounts };

  constructor(pool: WorkerPool, usedBytes: number, options: CaptureSegmentsOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#missing = new MissingQuery(options.store, options.signal);
    this.#uploads = new UploadQueue(options.store, options.signal);
    this.#progress = { phase: 'capture', bytesDone: 0, bytesTotal: usedBytes, bytesTransferred: 0 };
  }

  async run({ used, blank = [], sizeBytes }: CapturedMap): Promise<CapturedSegments> {
    const { signal, pause } = this.#options;
    const tasks = new BoundedTasks(Math.ceil((2 * this.#pool.size) / slotsAtOnce), signal, pause);
    try {
      const { chunkSizeBytes } = this.#options;
      const blankSegments = planSegments(blank, sizeBytes, chunkSizeBytes);
      for (const plan of planSegments(used, sizeBytes, chunkSizeBytes)) {
        this.#segments[plan.index] = null;
        const beside = blankSegments.next();
        const blankSlots = beside.done === true ? [] : beside.value.slots;
        if (plan.slots.length > 0)
          await this.#startSegment(plan, new Map(blankSlots.map((slot) => [slot.index, slot.used])), tasks);
      }
    } finally {
      await tasks.finish();
    }
    const patches = this.#patches.size === 0 ? null : await this.#sendObject(encodePatchList(this.#patches));
    await this.#uploads.finish();
    this.#counts.bytesSent = this.#uploads.bytesSent;
    return { segments: this.#segments, patches, counts: this.#counts };
  }

  /** After a failure, too, no upload is under way once this returns: the caller may close the store. */
  settle(): Promise<void> {
    return this.#uploads.settle();
  }

  async #startSegment(
    plan: SegmentPlan,
    blank: ReadonlyMap<number, readonly Extent[]>,
    tasks: BoundedTasks,
  ): Promise<void> {
    const parent = await this.#options.parentSegment(plan.index);
    const captured: Slot[] = [];
    let left = plan.slots.length;
    for (let first = 0; first < plan.slots.length; first += slotsAtOnce) {
      const slots = plan.slots.slice(first, first + slotsAtOnce);
      const places = slots.map((slot) => this.#placeOf(plan, slot, blank.get(slot.index) ?? []));
      await tasks.start(async () => {
        const digests = await this.#captureSlots(places, parent);
        for (const [i, slot] of slots.entries()) captured[first + i] = { ...slot, digest: digests[i] ?? null };
        left -= slots.length;
        if (left === 0) this.#segments[plan.index] = await this.#sendIndex(plan, captured);
      });
    }
  }

  async #captureSlots(slots: readonly SlotToCapture[], parent: ParentSegment): Promise<(Digest | null)[]> {
    const places = slots.filter(({ used }) => used.length > 0);
    const { digests, fresh } = await this.#readAndPack(places, parent);
    for (const { chunk } of fresh) if (chunk !== null) await this.#uploads.add(chunk);
    const sent = new Set(fresh.map(({ index }) => places[index]));
    return slots.map((slot) => {
      const digest = digests[places.indexOf(slot)] ?? null;
      if (sent.has(slot)) this.#counts.bytesNew += slot.lengthBytes;
      this.#count(slot, digest, sent.has(slot));
      return digest;
    });
  }

  #placeOf(plan: SegmentPlan, { index, used }: UsedSlot, blank: readonly Extent[]): SlotToCapture {
    const { chunkSizeBytes } = this.#options;
    const lengthBytes = slotLengthBytes(plan.lengthBytes, chunkSizeBytes, index);
    const place = { index, offsetBytes: plan.index * segmentSizeBytes + index * chunkSizeBytes, lengthBytes };
    return { ...place, used: subtract(used, blank), usedBytes: totalBytes(used) };
  }

  /** The digests of all, and what to send for those that the store lacks, each with its place in `places`. */
  async #readAndPack(places: readonly SlotToCapture[], parent: ParentSegment) {
    if (places.length === 0) return { digests: [], fresh: [] };
    return await this.#pool.leaseMany(places.length, async ({ buffers, ask }) => {
      const slots = places.map(({ index, usedBytes, ...place }, i) => ({ ...place, buffer: buffers[i] as number }));
      const { digests } = await ask('readSlots', { slots });
      const missing = await Promise.all(digests.map((digest) => this.#isToSend(digest, parent)));
      const indexes = [...slots.keys()].filter((i) => missing[i]);
      if (indexes.length === 0) return { digests, fresh: [] };
      const wanted = await Promise.all(
        indexes.map(async (i) => ({
          ...(slots[i] as (typeof slots)[0]),
          base: await this.#fetchBase(parent.bases.get((places[i] as SlotToCapture).index)),
        })),
      );
      const bases = wanted.flatMap(({ base }) => ownedMemory(base?.stored ?? null));
      const { stored, patches } = await ask('packSlots', { slots: wanted, level: this.#options.level }, bases);
      const fresh = indexes.map(async (index, i) => {
        const digest = digests[index] as Digest;
        const patch = patches[i] ?? null;
        const base = wanted[i]?.base ?? null;
        const chunk = { digest: patch ?? digest, stored: stored[i] as Uint8Array };
        if (patch === null || base === null) return { index, chunk };
        this.#patches.set(digest, { base: base.digest, patch });
        this.#counts.slotsPatched++;
        // An earlier attempt that was cut off may have sent it.
        return { index, chunk: (await this.#claim(patch)) ? chunk : null };
      });
      return { digests, fresh: await Promise.all(fresh) };
    });
  }

  /** Null when there is none, or none to be had: then the slot is stored whole. */
  async #fetchBase(digest: Digest | undefined): Promise<StoredChunk | null> {
    if (digest === undefined || this.#patches.size >= maxNewPatches) return null;
    try {
      return { digest, stored: await this.#options.store.getChunk(digest, this.#options.signal) };
    } catch (thrown) {
      if (toDeployError(thrown).code === 'chunk-not-found') return null;
      throw thrown;
    }
  }

  async #isToSend(digest: Digest | null, { known, patches }: ParentSegment): Promise<boolean> {
    if (digest === null || this.#patches.has(digest)) return false;
    const patch = patches.get(digest);
    if (!known.has(digest) || (patch !== undefined && this.#patches.size >= maxPatches))
      return await this.#claim(digest);
    if (patch !== undefined) this.#patches.set(digest, patch);
    return false;
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
    const { chunkSizeBytes } = this.#options;
    return await this.#sendObject(encodeSegment({ lengthBytes: plan.lengthBytes, chunkSizeBytes, slots }));
  }

  async #sendObject(bytes: Uint8Array): Promise<Digest> {
    const { level } = this.#options;
    const { digest, stored } = await this.#pool.lease(({ ask }) => ask('packBytes', { bytes, level }));
    if (await this.#claim(digest)) await this.#uploads.add({ digest, stored });
    return digest;
  }

  #count({ used, usedBytes }: SlotToCapture, digest: Digest | null, sent: boolean): void {
    this.#counts.slots++;
    this.#counts.bytesRead += totalBytes(used);
    if (digest === null) this.#counts.slotsZero++;
    else if (sent) this.#counts.slotsSent++;
    else this.#counts.slotsKnown++;
    this.#progress.bytesDone += usedBytes;
    this.#progress.bytesTransferred = this.#uploads.bytesSent;
    this.#options.onProgress?.({ ...this.#progress });
  }
}
