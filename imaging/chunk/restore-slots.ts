// The restore's data path: slot by slot what is right stays, the rest is copied on the disk or fetched, and what was written is read back.
import { type Extent, totalBytes } from '../extent.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type Slot, slotPlace } from '../manifest/segment.ts';
import { SegmentLoader } from '../manifest/segment-loader.ts';
import type { Progress, ProgressPhase, RunOptions } from '../progress.ts';
import type { ChunkStore, Digest } from '../store/chunk-store.ts';
import { BoundedTasks } from './bounded-tasks.ts';
import { ChunkFetcher } from './chunk-fetcher.ts';
import { PlaceTable } from './place-table.ts';
import { intersect, shift, subtract } from './ranges.ts';
import { SlotSet } from './slot-set.ts';
import { closeGaps, segmentSizeBytes } from './slots.ts';
import { type TargetDevice, TargetSlots } from './target-slots.ts';
import type { SlotPlace } from './worker-messages.ts';

export type RestoreSlotsOptions = RunOptions & {
  readonly manifest: Manifest;
  readonly store: ChunkStore;
  readonly target: TargetDevice;
  /** Write and read past the page cache; false where the file system cannot. */
  readonly direct: boolean;
  /** Ranges of the target that are written last, and are zero until then. In order, merged. */
  readonly heldBack: readonly Extent[];
  /** Unused gaps up to this long between used bytes are overwritten with zeros, which is quicker than leaving them out. */
  readonly gapBytes: number;
  readonly workers?: number;
};

export type WriteOptions = {
  /** Read every slot first, and leave it as it is where it is right. */
  readonly compare: boolean;
  /** What is not written reads as zeros, so that zeros need no writing. */
  readonly zerosKnown: boolean;
  /** Where chunks lie that were on the target before. */
  readonly before?: PlaceTable | undefined;
};

/** A probe reads this many slots, from this many segments. */
const probedSlots = 32;
const probedSegments = 8;

export class SlotRestorer {
  readonly #options: RestoreSlotsOptions;
  readonly #disk: TargetSlots;
  readonly #segments: SegmentLoader;
  readonly #chunks: ChunkFetcher;
  readonly #progress: { -readonly [Key in keyof Progress]: Progress[Key] };
  /** Where chunks lie that are there now: found right, or written. */
  readonly #here: PlaceTable;
  #before: PlaceTable | undefined;
  /** Written, in part perhaps, or about to be: what lay there before is gone. */
  readonly #overwritten: SlotSet;
  readonly #toReadBack: SlotSet;
  /** Chunks on their way: an equal one waits, and is copied. */
  readonly #bringing = new Map<Digest, Promise<void>>();
  bytesVerified = 0;
  /** Used bytes that were right where they are, and those that were copied from elsewhere on the target. */
  bytesReused = 0;
  bytesCopied = 0;

  constructor(options: RestoreSlotsOptions) {
    const { manifest, store, target, direct, workers, signal } = options;
    const { chunkSizeBytes, usedBytes } = manifest;
    this.#options = options;
    this.#disk = new TargetSlots({ target, direct, chunkSizeBytes, workers });
    this.#segments = new SegmentLoader(store, manifest, signal);
    this.#chunks = new ChunkFetcher(store, manifest, signal);
    this.#here = new PlaceTable(usedBytes / chunkSizeBytes);
    this.#overwritten = new SlotSet(chunkSizeBytes);
    this.#toReadBack = new SlotSet(chunkSizeBytes);
    this.#progress = { phase: 'write', bytesDone: 0, bytesTotal: usedBytes, bytesTransferred: 0 };
  }

  /** What came from the store, compressed, indexes included. */
  get bytesFetched(): number {
    return this.#chunks.bytesFetched + this.#segments.bytesFetched;
  }

  get bytesWritten(): number {
    return this.#disk.bytesWritten;
  }

  /** How many of a bounded, evenly spread sample of chunks lie on the target already where they belong. */
  async probe(): Promise<{ sampled: number; right: number }> {
    const count = { sampled: 0, right: 0 };
    const used = this.#everySegment().filter((segment) => this.#options.manifest.segments[segment] !== null);
    const segments = spread(used, probedSegments);
    const tasks = new BoundedTasks(this.#disk.size, this.#options.signal, this.#options.pause);
    for (const segment of segments) {
      const slots = [...(await this.#segments.load(segment))].filter((slot) => slot.digest !== null);
      for (const slot of spread(slots, Math.ceil(probedSlots / segments.length))) {
        const place = this.#placeOf(segment, slot);
        if (this.#heldIn(slot, place).length > 0) continue;
        count.sampled++;
        await tasks.start(async () => {
          if (await this.#disk.holds(slot.digest, place, slot.used)) count.right++;
        });
      }
    }
    await tasks.finish();
    return count;
  }

  /** Ranges of at least `leastBytes` that the image does not use, in order, without those held back. */
  async *holes(leastBytes: number): AsyncGenerator<Extent> {
    const { heldBack, target } = this.#options;
    const between = (startBytes: number, endBytes: number) =>
      subtract(endBytes > startBytes ? [{ startBytes, lengthBytes: endBytes - startBytes }] : [], heldBack).filter(
        (hole) => hole.lengthBytes >= leastBytes,
      );
    let at = target.startBytes ?? 0;
    for (const segment of this.#everySegment()) {
      for (const slot of await this.#segments.load(segment)) {
        for (const { startBytes, lengthBytes } of shift(slot.used, this.#placeOf(segment, slot).offsetBytes)) {
          if (startBytes - at >= leastBytes) yield* between(at, startBytes);
          at = startBytes + lengthBytes;
        }
      }
    }
    yield* between(at, target.sizeBytes);
  }

  /** Brings everything but the ranges held back. */
  async writeAll({ compare, zerosKnown, before }: WriteOptions): Promise<void> {
    this.#before = before;
    this.#begin('write');
    await this.#forEachSlot(this.#everySegment(), async (slot, place) => {
      const held = this.#heldIn(slot, place);
      const writes = subtract(closeGaps(slot.used, this.#options.gapBytes), held);
      const state = compare && held.length === 0 ? await this.#compare(slot, place, writes) : 'other';
      if (state === 'right') this.#keep(slot, place);
      else {
        this.#toReadBack.add(this.#numberOf(place));
        if (state === 'patched') this.#noteHere(slot, place);
        else if (writes.length > 0 && !(slot.digest === null && zerosKnown)) await this.#bring(slot, place, writes);
      }
      this.#advance(slot);
    });
  }

  /** Reads back every slot that `writeAll` has finished and not found right before. @throws read-back-mismatch */
  async readBackAll(): Promise<void> {
    this.#begin('read-back');
    const written = this.#everySegment().filter((segment) => this.#toReadBack.hasSegment(segment));
    await this.#forEachSlot(written, async (slot, place) => {
      if (!this.#toReadBack.has(this.#numberOf(place))) return;
      if (this.#heldIn(slot, place).length === 0) await this.#readBack(slot, place);
      this.#advance(slot);
    });
  }

  /** Writes the used bytes of `ranges`, which were held back. */
  async writeHeldBack(ranges: readonly Extent[]): Promise<void> {
    await this.#forEachSlot(this.#segmentsOf(ranges), async (slot, place) => {
      const writes = intersect(slot.used, shift(ranges, -place.offsetBytes));
      if (writes.length > 0 && slot.digest !== null) await this.#bring(slot, place, writes);
    });
  }

  /** Reads back every slot that lies partly in a range held back. @throws read-back-mismatch */
  async readBackHeldBack(): Promise<void> {
    await this.#forEachSlot(this.#segmentsOf(this.#options.heldBack), async (slot, place) => {
      if (this.#heldIn(slot, place).length > 0) await this.#readBack(slot, place);
    });
  }

  async close(): Promise<void> {
    await this.#disk.close();
  }

  async #forEachSlot(segments: Iterable<number>, work: (slot: Slot, place: SlotPlace) => Promise<void>): Promise<void> {
    const tasks = new BoundedTasks(this.#disk.size, this.#options.signal, this.#options.pause);
    try {
      for (const segment of segments) {
        for (const slot of await this.#segments.load(segment)) {
          await tasks.start(() => work(slot, this.#placeOf(segment, slot)));
        }
      }
    } finally {
      await tasks.finish();
    }
  }

  #everySegment(): number[] {
    return [...this.#options.manifest.segments.keys()];
  }

  #segmentsOf(ranges: readonly Extent[]): Iterable<number> {
    const last = this.#options.manifest.segments.length - 1;
    const ends = ranges.flatMap((range) => [range.startBytes, range.startBytes + range.lengthBytes - 1]);
    return new Set(ends.map((at) => Math.floor(at / segmentSizeBytes)).filter((segment) => segment <= last));
  }

  #placeOf(segment: number, slot: Slot): SlotPlace {
    const { geometry, chunkSizeBytes } = this.#options.manifest;
    return slotPlace({ sizeBytes: geometry.sizeBytes, chunkSizeBytes }, segment, slot.index);
  }

  /** Counted from the start of the disk. */
  #numberOf(place: SlotPlace): number {
    return place.offsetBytes / this.#options.manifest.chunkSizeBytes;
  }

  #heldIn(slot: Slot, place: SlotPlace): Extent[] {
    return intersect(closeGaps(slot.used, this.#options.gapBytes), shift(this.#options.heldBack, -place.offsetBytes));
  }

  /** What was read past the page cache and is right needs no second reading. */
  #keep(slot: Slot, place: SlotPlace): void {
    const bytes = totalBytes(slot.used);
    this.bytesReused += bytes;
    this.bytesVerified += bytes;
    this.#noteHere(slot, place);
  }

  #noteHere({ digest }: Slot, place: SlotPlace): void {
    const whole = place.lengthBytes === this.#options.manifest.chunkSizeBytes;
    if (digest !== null && whole) this.#here.put(digest, this.#numberOf(place));
  }

  /** Where the target holds the base of a patch, what the patch changes is all that is fetched and written. */
  #compare(slot: Slot, place: SlotPlace, writes: readonly Extent[]): Promise<'right' | 'patched' | 'other'> {
    return this.#disk.compare(slot, place, writes, async (digest) => {
      const patch = await this.#chunks.fetchPatch(digest);
      if (patch !== null) this.#overwritten.add(this.#numberOf(place));
      return patch;
    });
  }

  async #bring(slot: Slot, place: SlotPlace, writes: readonly Extent[]): Promise<void> {
    const { digest } = slot;
    this.#overwritten.add(this.#numberOf(place));
    if (digest === null) return await this.#disk.write(null, place, writes);
    // A failure is the other slot's to report; this one then fetches for itself.
    for (let other = this.#bringing.get(digest); other !== undefined; other = this.#bringing.get(digest)) {
      await other.catch(() => {});
    }
    const bringing = this.#copyOrFetch(digest, slot, place, writes).finally(() => this.#bringing.delete(digest));
    this.#bringing.set(digest, bringing);
    await bringing;
  }

  async #copyOrFetch(digest: Digest, slot: Slot, place: SlotPlace, writes: readonly Extent[]): Promise<void> {
    const partly = this.#heldIn(slot, place).length > 0;
    if (await this.#copyFromSomewhere({ digest, used: slot.used }, place, writes))
      this.bytesCopied += totalBytes(writes);
    else await this.#disk.write({ digest, stored: await this.#chunks.fetch(digest, partly) }, place, writes);
    if (!partly) this.#noteHere(slot, place);
  }

  async #copyFromSomewhere(
    slot: { digest: Digest; used: readonly Extent[] },
    place: SlotPlace,
    writes: readonly Extent[],
  ): Promise<boolean> {
    for (const from of this.#sourcesOf(slot.digest)) {
      if (await this.#disk.copy(from, slot, place, writes)) return true;
    }
    return false;
  }

  /** Offsets on the target where the chunk may lie. */
  *#sourcesOf(digest: Digest): Generator<number> {
    const { manifest, target } = this.#options;
    const now = this.#here.find(digest);
    const then = this.#before?.find(digest) ?? null;
    for (const slot of [now, then !== null && this.#overwritten.has(then) ? null : then]) {
      const offsetBytes = (slot ?? Number.POSITIVE_INFINITY) * manifest.chunkSizeBytes;
      const inside = offsetBytes >= (target.startBytes ?? 0);
      if (inside && offsetBytes + manifest.chunkSizeBytes <= target.sizeBytes) yield offsetBytes;
    }
  }

  async #readBack({ digest, used }: Slot, place: SlotPlace): Promise<void> {
    await this.#disk.check(digest, place, used);
    this.bytesVerified += totalBytes(used);
  }

  #begin(phase: ProgressPhase): void {
    const bytesTotal =
      phase === 'read-back' ? this.#options.manifest.usedBytes - this.bytesReused : this.#options.manifest.usedBytes;
    Object.assign(this.#progress, { phase, bytesDone: 0, bytesTotal });
    this.#options.onProgress?.({ ...this.#progress });
  }

  #advance(slot: Slot): void {
    this.#progress.bytesDone += totalBytes(slot.used);
    this.#progress.bytesTransferred = this.bytesFetched;
    this.#options.onProgress?.({ ...this.#progress });
  }
}

/** At most `count` of `items`, evenly spread over them. */
function spread<Item>(items: readonly Item[], count: number): Item[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor(((i + 0.5) * items.length) / count)] as Item);
}
