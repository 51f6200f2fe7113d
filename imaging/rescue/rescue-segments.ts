// The data path of a capture of a failing disk: what reads well is in the store first, and only then is time spent on what does not.
// One reader, from front to back: several would make a dying disk seek. After an error it jumps ahead and comes back later, as GNU ddrescue does.
import { BoundedTasks } from '../chunk/bounded-tasks.ts';
import {
  type CaptureCounts,
  type CapturedSegments,
  type CaptureSegmentsOptions,
  noCounts,
} from '../chunk/capture-segments.ts';
import { digestOf } from '../chunk/digest.ts';
import { MissingQuery } from '../chunk/missing-query.ts';
import { planSegments, type SegmentPlan, segmentSizeBytes, slotLengthBytes, type UsedSlot } from '../chunk/slots.ts';
import { UploadQueue } from '../chunk/upload-queue.ts';
import { WorkerPool } from '../chunk/worker-pool.ts';
import type { DiskMap } from '../disk-map.ts';
import { type Extent, mergeExtents, totalBytes } from '../extent.ts';
import { encodeSegment } from '../manifest/segment.ts';
import type { Digest } from '../store/chunk-store.ts';
import { type FailingDevice, openFailingDevice } from './failing-device.ts';
import { rescueRange } from './rescue-range.ts';

export type RescuedSegments = CapturedSegments & {
  /** What could not be read, in bytes of the disk: merged, in order. It counts as used, and reads as zeros. */
  readonly lost: readonly Extent[];
};

/** Slots that are left for later after an error: twice as many after each further one. */
const maxJump = 64;

/** As `captureSegments`, for a disk that has bad sectors. @throws source-vanished, store errors, cancelled */
export async function rescueSegments(map: DiskMap, options: CaptureSegmentsOptions): Promise<RescuedSegments> {
  const { source, chunkSizeBytes } = options;
  const device = await openFailingDevice(source.path, source.label, map.sectorSizeBytes, chunkSizeBytes);
  const pool = new WorkerPool({ device: null, chunkSizeBytes }, options.workers);
  try {
    return await new SegmentRescue(device, pool, map, options).run();
  } finally {
    await pool.close();
    await device.close();
  }
}

/** A segment until all of its slots are there. */
type OpenSegment = { readonly plan: SegmentPlan; readonly digests: (Digest | null)[]; left: number };
type Place = { readonly segment: OpenSegment; readonly position: number; readonly slot: UsedSlot };

class SegmentRescue {
  readonly #device: FailingDevice;
  readonly #pool: WorkerPool;
  readonly #map: DiskMap;
  readonly #options: CaptureSegmentsOptions;
  readonly #missing: MissingQuery;
  readonly #uploads: UploadQueue;
  readonly #tasks: BoundedTasks;
  readonly #zeros: Buffer;
  readonly #usedBytes: number;
  readonly #sent = new Set<Digest>();
  readonly #segments: (Digest | null)[] = [];
  readonly #lost: Extent[] = [];
  readonly #counts: CaptureCounts = { ...noCounts };

  constructor(device: FailingDevice, pool: WorkerPool, map: DiskMap, options: CaptureSegmentsOptions) {
    this.#device = device;
    this.#pool = pool;
    this.#map = map;
    this.#zeros = Buffer.alloc(options.chunkSizeBytes);
    this.#usedBytes = totalBytes(map.used);
    this.#options = options;
    this.#missing = new MissingQuery(options.store, options.signal);
    this.#uploads = new UploadQueue(options.store, options.signal);
    this.#tasks = new BoundedTasks(pool.size, options.signal, options.pause);
  }

  async run(): Promise<RescuedSegments> {
    try {
      const { skipped, failed } = await this.#readWell();
      for (const place of skipped) if (!(await this.#tryWhole(place))) failed.push(place);
      for (const place of failed) await this.#rescue(place);
    } finally {
      await this.#tasks.finish();
    }
    await this.#uploads.finish();
    this.#counts.bytesSent = this.#uploads.bytesSent;
    return { segments: this.#segments, patches: null, counts: this.#counts, lost: mergeExtents(this.#lost) };
  }

  /** The first pass, with jumps over what lies near errors. */
  async #readWell(): Promise<{ skipped: Place[]; failed: Place[] }> {
    const [skipped, failed]: [Place[], Place[]] = [[], []];
    let jump = 0;
    let toSkip = 0;
    for (const place of this.#places()) {
      if (toSkip > 0) {
        toSkip--;
        skipped.push(place);
      } else if (await this.#tryWhole(place)) jump = 0;
      else {
        failed.push(place);
        jump = Math.min(maxJump, Math.max(1, 2 * jump));
        toSkip = jump;
      }
    }
    return { skipped, failed };
  }

  *#places(): Generator<Place> {
    const { used, sizeBytes } = this.#map;
    for (const plan of planSegments(used, sizeBytes, this.#options.chunkSizeBytes)) {
      this.#segments[plan.index] = null;
      const segment = { plan, digests: [], left: plan.slots.length };
      for (const [position, slot] of plan.slots.entries()) yield { segment, position, slot };
    }
  }

  #offsetOf({ segment, slot }: Place): number {
    return segment.plan.index * segmentSizeBytes + slot.index * this.#options.chunkSizeBytes;
  }

  #emptySlot({ segment, slot }: Place): Buffer {
    return Buffer.alloc(slotLengthBytes(segment.plan.lengthBytes, this.#options.chunkSizeBytes, slot.index));
  }

  async #tryWhole(place: Place): Promise<boolean> {
    const bytes = this.#emptySlot(place);
    for (const { startBytes, lengthBytes } of place.slot.used) {
      const into = bytes.subarray(startBytes, startBytes + lengthBytes);
      if (!(await this.#device.tryRead(into, this.#offsetOf(place) + startBytes))) return false;
    }
    await this.#start(place, bytes);
    return true;
  }

  async #rescue(place: Place): Promise<void> {
    const bytes = this.#emptySlot(place);
    const tryRead = (into: Buffer, offsetBytes: number) => this.#device.tryRead(into, offsetBytes);
    for (const { startBytes, lengthBytes } of place.slot.used) {
      const into = bytes.subarray(startBytes, startBytes + lengthBytes);
      const from = this.#offsetOf(place) + startBytes;
      for (const lost of await rescueRange(into, from, this.#device.sectorSizeBytes, tryRead)) {
        this.#lost.push({ startBytes: from + lost.startBytes, lengthBytes: lost.lengthBytes });
      }
    }
    await this.#start(place, bytes);
  }

  /** Hands the slot on; returns when there is room for the next. */
  async #start(place: Place, bytes: Buffer): Promise<void> {
    await this.#tasks.start(async () => {
      const { segment, position, slot } = place;
      const digest = bytes.compare(this.#zeros, 0, bytes.length) === 0 ? null : digestOf(bytes);
      const isNew = digest !== null && (await this.#send(digest, bytes));
      this.#count(slot, digest, isNew ? bytes.length : 0);
      segment.digests[position] = digest;
      if (--segment.left === 0) await this.#sendIndex(segment);
    });
  }

  async #send(digest: Digest, bytes: Buffer): Promise<boolean> {
    if (this.#sent.has(digest)) return false;
    this.#sent.add(digest);
    if (!(await this.#missing.isMissing(digest))) return false;
    const { level } = this.#options;
    await this.#uploads.add(await this.#pool.lease(({ ask }) => ask('packBytes', { bytes, level })));
    return true;
  }

  async #sendIndex({ plan, digests }: OpenSegment): Promise<void> {
    const slots = plan.slots.map((slot, i) => ({ ...slot, digest: digests[i] ?? null }));
    const { chunkSizeBytes } = this.#options;
    const bytes = encodeSegment({ lengthBytes: plan.lengthBytes, chunkSizeBytes, slots });
    const digest = digestOf(bytes);
    await this.#send(digest, bytes);
    this.#segments[plan.index] = digest;
  }

  #count({ used }: UsedSlot, digest: Digest | null, newBytes: number): void {
    const counts = this.#counts;
    counts.slots++;
    counts.bytesRead += totalBytes(used);
    counts.bytesNew += newBytes;
    if (digest === null) counts.slotsZero++;
    else if (newBytes > 0) counts.slotsSent++;
    else counts.slotsKnown++;
    this.#options.onProgress?.({
      phase: 'capture',
      bytesDone: counts.bytesRead,
      bytesTotal: this.#usedBytes,
      bytesTransferred: this.#uploads.bytesSent,
      bytesLost: totalBytes(this.#lost),
    });
  }
}
