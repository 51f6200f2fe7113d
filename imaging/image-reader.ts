// An image seen as the disk it was: random reads out of the store, so that every file-system reader, export and mount works on images.
import { DeployError } from '../protocol/errors.ts';
import { type ByteReader, outOfRange } from './blockdev/byte-reader.ts';
import { segmentSizeBytes } from './chunk/slots.ts';
import { decodeChunk } from './chunk/stored-chunk.ts';
import { openImageChunks } from './manifest/image-chunks.ts';
import { loadSegment } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import { Recent } from './recent.ts';
import type { ChunkStore, Digest } from './store/chunk-store.ts';

export type ImageReaderOptions = {
  /** Decoded chunks kept, in bytes; at least one chunk is. */
  readonly cacheBytes?: number;
  readonly signal?: AbortSignal;
};

const defaultCacheBytes = 64 * 2 ** 20;
/** A full segment's index takes about 0.5 MiB; random reads jump between few of them. */
const cachedSegments = 16;

/**
 * Random reads over an image's content. Unused bytes read as zeros; every chunk's digest is checked.
 * `read` throws chunk-not-found, chunk-corrupt, manifest-corrupt, source-read (outside the disk), store errors, cancelled.
 */
export function openImageReader(store: ChunkStore, manifest: Manifest, options: ImageReaderOptions = {}): ByteReader {
  const content = openImageChunks(store, manifest);
  const chunks = new Recent(
    Math.max(1, Math.floor((options.cacheBytes ?? defaultCacheBytes) / manifest.chunkSizeBytes)),
    async (digest: Digest) => decodeChunk(digest, await content.getChunk(digest, options.signal)),
  );
  const segments = new Recent(cachedSegments, async (index: number) => {
    const digests = new Map<number, Digest>();
    for (const slot of await loadSegment(store, manifest, index, options.signal)) {
      if (slot.digest !== null) digests.set(slot.index, slot.digest);
    }
    return digests;
  });
  return new ImageReader(manifest, segments, chunks);
}

class ImageReader implements ByteReader {
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly label: string;
  readonly #chunkSizeBytes: number;
  readonly #segments: Recent<number, ReadonlyMap<number, Digest>>;
  readonly #chunks: Recent<Digest, Uint8Array>;

  constructor(
    { name, geometry, chunkSizeBytes }: Manifest,
    segments: Recent<number, ReadonlyMap<number, Digest>>,
    chunks: Recent<Digest, Uint8Array>,
  ) {
    this.sizeBytes = geometry.sizeBytes;
    this.sectorSizeBytes = geometry.sectorSizeBytes;
    this.label = `image '${name}'`;
    this.#chunkSizeBytes = chunkSizeBytes;
    this.#segments = segments;
    this.#chunks = chunks;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Buffer> {
    if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes + lengthBytes > this.sizeBytes) {
      throw outOfRange(this.label, offsetBytes, lengthBytes, this.sizeBytes);
    }
    const bytes = Buffer.alloc(lengthBytes);
    const endBytes = offsetBytes + lengthBytes;
    for (let at = offsetBytes; at < endBytes; ) {
      const slotStart = at - (at % this.#chunkSizeBytes);
      const stop = Math.min(endBytes, slotStart + this.#chunkSizeBytes);
      await this.#copySlot(slotStart, bytes.subarray(at - offsetBytes, stop - offsetBytes), at - slotStart);
      at = stop;
    }
    return bytes;
  }

  /** Fills `into` with the slot's bytes from `from` on; a hole or a zero slot leaves it as it is. */
  async #copySlot(slotStart: number, into: Buffer, from: number): Promise<void> {
    const segment = Math.floor(slotStart / segmentSizeBytes);
    const slots = await this.#segments.get(segment);
    const digest = slots.get((slotStart - segment * segmentSizeBytes) / this.#chunkSizeBytes);
    if (digest === undefined) return;
    const chunk = await this.#chunks.get(digest);
    if (chunk.length < from + into.length) {
      throw new DeployError('chunk-corrupt', `chunk ${digest} has ${chunk.length} bytes, fewer than its slot`);
    }
    into.set(chunk.subarray(from, from + into.length));
  }
}
