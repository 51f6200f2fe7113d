// What an image needs, as far as its store is concerned: garbage collection, check and the last look before it becomes visible ask here.
import { decodeChunk } from '../chunk/stored-chunk.ts';
import { parseManifest } from '../manifest/manifest.ts';
import { readSlots, segmentLengthBytes } from '../manifest/segment.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';

/** The description of one segment: the chunks it is stored as, and the way to the names of those that hold the segment's bytes. */
export type ImagePart = {
  /** Which segment of the disk. */
  readonly index: number;
  readonly own: readonly Digest[];
  /** Repeats a name that fills several slots. @throws chunk-not-found, chunk-corrupt, manifest-corrupt */
  chunks(store: Pick<ChunkStore, 'getChunk'>, signal?: AbortSignal): Promise<Iterable<Digest>>;
};

/** The parts of the image whose manifest is `bytes`; segments without a used byte have none. @throws manifest-corrupt, manifest-version */
export function imageParts(bytes: Uint8Array): ImagePart[] {
  const { segments, geometry, chunkSizeBytes } = parseManifest(bytes);
  return segments.flatMap((digest, index) => {
    if (digest === null) return [];
    const lengthBytes = segmentLengthBytes(geometry.sizeBytes, index);
    const chunks: ImagePart['chunks'] = async (store, signal) => {
      const segment = decodeChunk(digest, await store.getChunk(digest, signal));
      return dataDigests(segment, { lengthBytes, chunkSizeBytes });
    };
    return [{ index, own: [digest], chunks }];
  });
}

function* dataDigests(segment: Uint8Array, expected: { lengthBytes: number; chunkSizeBytes: number }) {
  for (const { digest } of readSlots(segment, expected)) if (digest !== null) yield digest;
}
