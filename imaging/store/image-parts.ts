// What an image needs, as far as its store is concerned: garbage collection, check and the last look before it becomes visible ask here.
import { decodeChunk } from '../chunk/stored-chunk.ts';
import { readChunkList } from '../crypt/chunk-list.ts';
import { isSealedManifest, parseStoredManifest, type SealedManifest } from '../crypt/sealed-manifest.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { readSlots, segmentLengthBytes } from '../manifest/segment.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';

/** The description of one segment (of an encrypted image: one chunk list): the chunks it is stored as, and the way to the names of those that hold the segment's bytes. */
export type ImagePart = {
  /** Which segment of the disk, or which list. */
  readonly index: number;
  readonly own: readonly Digest[];
  /** Repeats a name that fills several slots. @throws chunk-not-found, chunk-corrupt, manifest-corrupt */
  chunks(store: Pick<ChunkStore, 'getChunk'>, signal?: AbortSignal): Promise<Iterable<Digest>>;
};

/** The parts of the image whose manifest is `bytes`; segments without a used byte have none. @throws manifest-corrupt, manifest-version */
export function imageParts(bytes: Uint8Array): ImagePart[] {
  const manifest = parseStoredManifest(bytes);
  return isSealedManifest(manifest) ? listParts(manifest) : segmentParts(manifest);
}

/** Of an encrypted image the store knows the names, and neither what they stand for nor where it belongs. */
function listParts({ chunkLists }: SealedManifest): ImagePart[] {
  return chunkLists.map((digest, index) => {
    const chunks: ImagePart['chunks'] = async (store, signal) =>
      readChunkList(decodeChunk(digest, await store.getChunk(digest, signal)));
    return { index, own: [digest], chunks };
  });
}

function segmentParts({ segments, geometry, chunkSizeBytes }: Manifest): ImagePart[] {
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
