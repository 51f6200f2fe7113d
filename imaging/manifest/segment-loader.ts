// An image's segments for a recipe that walks through them several times: each is fetched once, as far as memory allows.
import { decodeChunk } from '../chunk/stored-chunk.ts';
import type { ChunkStore, Digest } from '../store/chunk-store.ts';
import type { Manifest } from './manifest.ts';
import { readSlots, type Slot, segmentLengthBytes } from './segment.ts';

/** The indexes of half a terabyte of used disk. */
const keptBytes = 16 * 2 ** 20;

export class SegmentLoader {
  readonly manifest: Manifest;
  readonly #store: Pick<ChunkStore, 'getChunk'>;
  readonly #signal: AbortSignal | undefined;
  readonly #kept = new Map<Digest, Uint8Array>();
  #bytes = 0;
  bytesFetched = 0;

  constructor(store: Pick<ChunkStore, 'getChunk'>, manifest: Manifest, signal?: AbortSignal) {
    this.#store = store;
    this.manifest = manifest;
    this.#signal = signal;
  }

  /** The used slots of segment `index`, none for an all-hole one. @throws chunk-not-found, chunk-corrupt, manifest-corrupt */
  async load(index: number): Promise<Iterable<Slot>> {
    const { segments, chunkSizeBytes, geometry } = this.manifest;
    const digest = segments[index];
    if (digest === null || digest === undefined) return [];
    const bytes = this.#kept.get(digest) ?? (await this.#fetch(digest));
    return readSlots(bytes, { lengthBytes: segmentLengthBytes(geometry.sizeBytes, index), chunkSizeBytes });
  }

  async #fetch(digest: Digest): Promise<Uint8Array> {
    const stored = await this.#store.getChunk(digest, this.#signal);
    this.bytesFetched += stored.length;
    const bytes = decodeChunk(digest, stored);
    this.#kept.set(digest, bytes);
    this.#bytes += bytes.length;
    // The oldest go first; the one in hand stays.
    for (const [oldest, { length }] of this.#kept) {
      if (this.#bytes <= keptBytes || oldest === digest) break;
      this.#kept.delete(oldest);
      this.#bytes -= length;
    }
    return bytes;
  }
}
