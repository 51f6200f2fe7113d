// Makes another image out of an image, for a disk it was not captured from: pieces of it elsewhere, tables replaced. A restore then writes
// and reads back that one like any other. Chunks are used where they are; only those at the seams are made anew, and live in memory.
import { digestOf } from '../chunk/digest.ts';
import { planSegments, segmentSizeBytes, slotLengthBytes } from '../chunk/slots.ts';
import { decodeChunk, encodeChunk } from '../chunk/stored-chunk.ts';
import { type Extent, mergeExtents, totalBytes } from '../extent.ts';
import { type ImageChunks, openImageChunks } from '../manifest/image-chunks.ts';
import { loadSegment } from '../manifest/load-image.ts';
import { type Manifest, sealManifest } from '../manifest/manifest.ts';
import { encodeSegment, type Slot, segmentLengthBytes } from '../manifest/segment.ts';
import type { Patch } from '../partition/table-change.ts';
import type { ChunkStore, Digest } from '../store/chunk-store.ts';

/** An image and where its chunks are. */
export type StoredImage = { readonly manifest: Manifest; readonly store: ChunkStore };

/** A range of an image and where it goes. It moves by a multiple of the chunk size, so that its chunks stay what they are. */
export type Piece = {
  readonly image: StoredImage;
  readonly fromBytes: number;
  readonly lengthBytes: number;
  readonly toBytes: number;
};

export type Composition = {
  readonly sizeBytes: number;
  readonly sectorSizeBytes: 512 | 4096;
  /** In order of `toBytes`, without overlaps. What no piece and no patch covers is a hole. */
  readonly pieces: readonly Piece[];
  /** Written over the pieces, later ones over earlier ones; the sectors they touch count as used. */
  readonly patches: readonly Patch[];
  /** What else the new manifest says. */
  readonly describe: Partial<Pick<Manifest, 'partitions' | 'tableSectors'>> &
    Partial<Pick<Manifest['geometry'], 'table' | 'diskId'>>;
};

/**
 * The image that `composition` describes, under the name and id of `base`. Its manifest is in no store.
 * @throws chunk-not-found, chunk-corrupt, manifest-corrupt, store errors, cancelled
 */
export async function composeImage(
  base: StoredImage,
  composition: Composition,
  signal?: AbortSignal,
): Promise<StoredImage> {
  const composer = new Composer(base, composition, signal);
  const segments: (Digest | null)[] = [];
  let usedEndBytes = 0;
  for (let index = 0; index * segmentSizeBytes < composition.sizeBytes; index++) {
    const kept = composer.isKept(index);
    const made = kept ? null : await composer.makeSegment(index);
    const digest = kept ? (base.manifest.segments[index] ?? null) : (made?.digest ?? null);
    segments.push(digest);
    if (digest !== null) usedEndBytes = made?.usedEndBytes ?? base.manifest.usedEndBytes;
  }
  const usedBytes = base.manifest.usedBytes + composer.usedBytes - (await composer.countReplaced());
  // What is lost was asked for before; its places are not those of this image.
  const { format, version, segmentSizeBytes: _, rootDigest, manifestDigest, lost, lostFiles, ...draft } = base.manifest;
  const { diskId = draft.geometry.diskId, table = draft.geometry.table, ...described } = composition.describe;
  const { sizeBytes, sectorSizeBytes } = composition;
  const geometry = { sizeBytes, sectorSizeBytes, table, diskId };
  const { manifest } = sealManifest({ ...draft, ...described, geometry, usedBytes, usedEndBytes, segments });
  return { manifest, store: withChunks(base.store, composer) };
}

/** A part of one source slot that goes into a slot of the new image; `used` is relative to either slot's first byte. */
type Part = {
  readonly image: StoredImage;
  readonly digest: Digest | null;
  readonly used: Extent[];
  readonly whole: boolean;
};

class Composer {
  readonly #base: StoredImage;
  readonly #composition: Composition;
  readonly #signal: AbortSignal | undefined;
  readonly #chunkSizeBytes: number;
  /** Chunks made here, in their stored form, and the stores of those that are another image's. */
  readonly made = new Map<Digest, Uint8Array>();
  readonly borrowed = new Map<Digest, ImageChunks>();
  readonly #chunks = new Map<StoredImage, ImageChunks>();
  usedBytes = 0;

  constructor(base: StoredImage, composition: Composition, signal: AbortSignal | undefined) {
    this.#base = base;
    this.#composition = composition;
    this.#signal = signal;
    this.#chunkSizeBytes = base.manifest.chunkSizeBytes;
  }

  /** Whether segment `index` is the base image's as it is: known without a look into it. */
  isKept(index: number): boolean {
    const { sizeBytes, pieces, patches } = this.#composition;
    const oldSizeBytes = this.#base.manifest.geometry.sizeBytes;
    const range = rangeOfSegment(sizeBytes, index);
    const sameLength = oldSizeBytes > range.startBytes && segmentLengthBytes(oldSizeBytes, index) === range.lengthBytes;
    const covers = ({ image, fromBytes, toBytes, lengthBytes }: Piece) =>
      image === this.#base && fromBytes === toBytes && contains({ startBytes: toBytes, lengthBytes }, range);
    return sameLength && pieces.some(covers) && !patches.some((patch) => overlap(extentOf(patch), range) !== null);
  }

  /** How many used bytes the base image has in the segments that are not kept. */
  async countReplaced(): Promise<number> {
    const { manifest, store } = this.#base;
    let bytes = 0;
    for (const index of manifest.segments.keys()) {
      if (index * segmentSizeBytes < this.#composition.sizeBytes && this.isKept(index)) continue;
      for (const { used } of await loadSegment(store, manifest, index, this.#signal)) bytes += totalBytes(used);
    }
    return bytes;
  }

  async makeSegment(index: number): Promise<{ digest: Digest; usedEndBytes: number } | null> {
    const range = rangeOfSegment(this.#composition.sizeBytes, index);
    const parts = await this.#collectParts(range);
    const patches = this.#composition.patches.filter((patch) => overlap(extentOf(patch), range) !== null);
    const slots: Slot[] = [];
    for (const slotIndex of slotsOf(range, parts, patches, this.#chunkSizeBytes)) {
      const slot = await this.#makeSlot(range, slotIndex, parts.get(slotIndex) ?? [], patches);
      if (slot.used.length > 0) slots.push(slot);
    }
    const last = slots.at(-1);
    const lastUsed = last?.used.at(-1);
    if (last === undefined || lastUsed === undefined) return null;
    for (const { used } of slots) this.usedBytes += totalBytes(used);
    const { lengthBytes } = range;
    const digest = this.#add(encodeSegment({ lengthBytes, chunkSizeBytes: this.#chunkSizeBytes, slots }));
    const slotStart = range.startBytes + last.index * this.#chunkSizeBytes;
    return { digest, usedEndBytes: slotStart + lastUsed.startBytes + lastUsed.lengthBytes };
  }

  /** By slot of the new segment, what of the pieces lies in it. */
  async #collectParts(range: Extent): Promise<Map<number, Part[]>> {
    const parts = new Map<number, Part[]>();
    for (const piece of this.#composition.pieces) {
      const to = overlap({ startBytes: piece.toBytes, lengthBytes: piece.lengthBytes }, range);
      if (to === null) continue;
      const from = { startBytes: to.startBytes - piece.toBytes + piece.fromBytes, lengthBytes: to.lengthBytes };
      const last = Math.floor((from.startBytes + from.lengthBytes - 1) / segmentSizeBytes);
      for (let source = Math.floor(from.startBytes / segmentSizeBytes); source <= last; source++) {
        await this.#collectFrom(piece, source, from, range, parts);
      }
    }
    return parts;
  }

  async #collectFrom(piece: Piece, source: number, from: Extent, range: Extent, parts: Map<number, Part[]>) {
    const { manifest, store } = piece.image;
    const size = manifest.geometry.sizeBytes;
    for (const { index, digest, used } of await loadSegment(store, manifest, source, this.#signal)) {
      const oldStart = source * segmentSizeBytes + index * this.#chunkSizeBytes;
      const window = overlap({ startBytes: oldStart, lengthBytes: this.#chunkSizeBytes }, from);
      if (window === null) continue;
      const inside = clip(used, { startBytes: window.startBytes - oldStart, lengthBytes: window.lengthBytes });
      if (inside.length === 0) continue;
      const newStart = oldStart - piece.fromBytes + piece.toBytes;
      const slot = (newStart - range.startBytes) / this.#chunkSizeBytes;
      const oldLength = slotLengthBytes(size, this.#chunkSizeBytes, oldStart / this.#chunkSizeBytes);
      const newLength = slotLengthBytes(range.lengthBytes, this.#chunkSizeBytes, slot);
      const whole = oldLength === newLength && totalBytes(inside) === totalBytes(used);
      parts.set(slot, [...(parts.get(slot) ?? []), { image: piece.image, digest, used: inside, whole }]);
    }
  }

  async #makeSlot(range: Extent, index: number, parts: readonly Part[], patches: readonly Patch[]): Promise<Slot> {
    const startBytes = range.startBytes + index * this.#chunkSizeBytes;
    const lengthBytes = slotLengthBytes(range.lengthBytes, this.#chunkSizeBytes, index);
    const here = patches.filter((patch) => overlap(extentOf(patch), { startBytes, lengthBytes }) !== null);
    const [only] = parts;
    if (only?.whole && parts.length === 1 && here.length === 0) {
      if (only.digest !== null && only.image !== this.#base) this.borrowed.set(only.digest, this.#chunksOf(only.image));
      return { index, digest: only.digest, used: only.used };
    }
    const bytes = Buffer.alloc(lengthBytes);
    const used: Extent[] = [];
    for (const part of parts) {
      await this.#copyPart(part, bytes);
      used.push(...part.used);
    }
    for (const patch of here) {
      const { startBytes: from, lengthBytes: length } = overlap(extentOf(patch), { startBytes, lengthBytes }) as Extent;
      patch.bytes.copy(bytes, from - startBytes, from - patch.offsetBytes, from - patch.offsetBytes + length);
      used.push(widen({ startBytes: from - startBytes, lengthBytes: length }));
    }
    const zero = bytes.every((byte) => byte === 0);
    return { index, digest: zero ? null : this.#add(bytes), used: mergeExtents(used) };
  }

  async #copyPart({ image, digest, used }: Part, into: Buffer): Promise<void> {
    if (digest === null) return;
    const chunk = decodeChunk(digest, await this.#chunksOf(image).getChunk(digest, this.#signal));
    for (const { startBytes, lengthBytes } of used) {
      into.set(chunk.subarray(startBytes, startBytes + lengthBytes), startBytes);
    }
  }

  #chunksOf(image: StoredImage): ImageChunks {
    const chunks = this.#chunks.get(image) ?? openImageChunks(image.store, image.manifest);
    this.#chunks.set(image, chunks);
    return chunks;
  }

  #add(bytes: Uint8Array): Digest {
    const digest = digestOf(bytes);
    this.made.set(digest, encodeChunk(bytes));
    return digest;
  }
}

/** The slots of a segment that hold anything, in order. */
function slotsOf(
  range: Extent,
  parts: ReadonlyMap<number, unknown>,
  patches: readonly Patch[],
  chunkSizeBytes: number,
): number[] {
  const patched = patches.flatMap((patch) => {
    const inside = overlap(extentOf(patch), range) as Extent;
    const used = [{ startBytes: inside.startBytes - range.startBytes, lengthBytes: inside.lengthBytes }];
    const [plan] = planSegments(used, range.lengthBytes, chunkSizeBytes);
    return plan?.slots.map(({ index }) => index) ?? [];
  });
  return [...new Set([...parts.keys(), ...patched])].sort((a, b) => a - b);
}

function rangeOfSegment(sizeBytes: number, index: number): Extent {
  return { startBytes: index * segmentSizeBytes, lengthBytes: segmentLengthBytes(sizeBytes, index) };
}

function extentOf({ offsetBytes, bytes }: Patch): Extent {
  return { startBytes: offsetBytes, lengthBytes: bytes.length };
}

function contains(outer: Extent, inner: Extent): boolean {
  const within = inner.startBytes + inner.lengthBytes <= outer.startBytes + outer.lengthBytes;
  return within && inner.startBytes >= outer.startBytes;
}

function overlap(a: Extent, b: Extent): Extent | null {
  const from = Math.max(a.startBytes, b.startBytes);
  const to = Math.min(a.startBytes + a.lengthBytes, b.startBytes + b.lengthBytes);
  return from < to ? { startBytes: from, lengthBytes: to - from } : null;
}

function clip(extents: readonly Extent[], window: Extent): Extent[] {
  return extents.flatMap((extent) => overlap(extent, window) ?? []);
}

/** To whole units of 512 bytes, in which a segment counts. */
function widen({ startBytes, lengthBytes }: Extent): Extent {
  const from = startBytes - (startBytes % 512);
  return { startBytes: from, lengthBytes: Math.ceil((startBytes + lengthBytes - from) / 512) * 512 };
}

/** `store`, with the chunks that were made for reading. */
function withChunks(store: ChunkStore, { made, borrowed }: Composer): ChunkStore {
  const getChunk: ChunkStore['getChunk'] = async (digest, signal) => {
    const own = made.get(digest);
    // The caller may hand the memory on to another thread.
    return own === undefined ? await (borrowed.get(digest) ?? store).getChunk(digest, signal) : copyOf(own);
  };
  return new Proxy(store, {
    get(target, key) {
      if (key === 'getChunk') return getChunk;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}
