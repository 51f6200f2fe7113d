// What an image needs, as far as its store is concerned: garbage collection, check and the last look before it becomes visible ask here.
import { segmentSizeBytes } from '../chunk/slots.ts';
import { decodeChunk } from '../chunk/stored-chunk.ts';
import { readChunkList } from '../crypt/chunk-list.ts';
import { isSealedManifest, parseStoredManifest, type SealedManifest } from '../crypt/sealed-manifest.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { loadPatches, type Patches } from '../manifest/patch-list.ts';
import { readSlots, segmentLengthBytes, slotPlace } from '../manifest/segment.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';

/** Bytes of a disk. */
export type Place = { readonly offsetBytes: number; readonly lengthBytes: number };

/** A chunk that holds bytes of a disk, and which; null where the image is encrypted. */
export type PlacedChunk = { readonly digest: Digest; readonly place: Place | null };

/** The description of one segment (of an encrypted image: one chunk list): the chunks it is stored as, and the way to those that hold the bytes. */
export type ImagePart = {
  /** What of the disk is lost without them; null where the image is encrypted. */
  readonly place: Place | null;
  /** Parts of equal ones need the same chunks. */
  readonly own: readonly Digest[];
  /** One that fills several slots comes several times. @throws chunk-not-found, chunk-corrupt, manifest-corrupt */
  chunks(store: Pick<ChunkStore, 'getChunk'>, signal?: AbortSignal): Promise<Iterable<PlacedChunk>>;
};

/** The parts of the image whose manifest is `bytes`; segments without a used byte have none. @throws manifest-corrupt, manifest-version */
export function imageParts(bytes: Uint8Array): ImagePart[] {
  const manifest = parseStoredManifest(bytes);
  return isSealedManifest(manifest) ? listParts(manifest) : segmentParts(manifest);
}

/** Of an encrypted image the store knows the names, and neither what they stand for nor where it belongs. */
export function listParts({ chunkLists }: SealedManifest): ImagePart[] {
  return chunkLists.map((digest) => {
    const chunks: ImagePart['chunks'] = async (store, signal) =>
      listedChunks(decodeChunk(digest, await store.getChunk(digest, signal)));
    return { place: null, own: [digest], chunks };
  });
}

function* listedChunks(list: Uint8Array): Generator<PlacedChunk> {
  for (const digest of readChunkList(list)) yield { digest, place: null };
}

function segmentParts(manifest: Manifest): ImagePart[] {
  const { segments, geometry, chunkSizeBytes } = manifest;
  const lists = manifest.patches === undefined ? [] : [manifest.patches];
  let patches: Patches | undefined;
  return segments.flatMap((digest, index) => {
    if (digest === null) return [];
    const lengthBytes = segmentLengthBytes(geometry.sizeBytes, index);
    const chunks: ImagePart['chunks'] = async (store, signal) => {
      patches ??= (await loadPatches(store, manifest, signal)).patches;
      const segment = decodeChunk(digest, await store.getChunk(digest, signal));
      return placedChunks(segment, { sizeBytes: geometry.sizeBytes, chunkSizeBytes }, index, patches);
    };
    return [{ place: { offsetBytes: index * segmentSizeBytes, lengthBytes }, own: [digest, ...lists], chunks }];
  });
}

function* placedChunks(
  segment: Uint8Array,
  disk: { sizeBytes: number; chunkSizeBytes: number },
  index: number,
  patches: Patches,
): Generator<PlacedChunk> {
  const expected = { lengthBytes: segmentLengthBytes(disk.sizeBytes, index), chunkSizeBytes: disk.chunkSizeBytes };
  for (const slot of readSlots(segment, expected)) {
    if (slot.digest === null) continue;
    const place = slotPlace(disk, index, slot.index);
    const { base, patch } = patches.get(slot.digest) ?? { base: slot.digest, patch: null };
    yield { digest: base, place };
    if (patch !== null) yield { digest: patch, place };
  }
}
