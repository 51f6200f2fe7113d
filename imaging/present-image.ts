// What a restore knows of the chunks that its target holds already: an image of the same disk says where they lie.
import { DeployError } from '../protocol/errors.ts';
import { PlaceTable } from './chunk/place-table.ts';
import { segmentSizeBytes } from './chunk/slots.ts';
import type { TableType } from './disk-map.ts';
import type { Manifest } from './manifest/manifest.ts';
import { SegmentLoader } from './manifest/segment-loader.ts';
import { findNewestImage } from './newest-image.ts';
import type { ChunkStore } from './store/chunk-store.ts';

/**
 * The newest image of a disk with that table and id, other than `image` and its equals; null when there is none.
 */
export async function findPresentImage(
  store: ChunkStore,
  disk: { readonly table: TableType; readonly diskId: string | null },
  image: Manifest,
  signal?: AbortSignal,
): Promise<Manifest | null> {
  if (disk.diskId === null) return null;
  const wanted = ({ geometry, chunkSizeBytes, rootDigest }: Manifest) =>
    geometry.table === disk.table &&
    geometry.diskId === disk.diskId &&
    chunkSizeBytes === image.chunkSizeBytes &&
    rootDigest !== image.rootDigest;
  return await findNewestImage(store, wanted, signal);
}

/**
 * Where `present` has its chunks, as far as it differs from `image`, and what it took to learn that. What lies at a place of `present` lies
 * `byBytes` further on as `image` counts; places that are then no whole chunks cannot be told. @throws invalid-input when their chunk sizes differ
 */
export async function placesOf(
  store: ChunkStore,
  present: Manifest,
  image: Manifest,
  { byBytes = 0, signal }: { readonly byBytes?: number; readonly signal?: AbortSignal | undefined },
): Promise<{ places: PlaceTable; bytesFetched: number }> {
  const { chunkSizeBytes } = present;
  if (chunkSizeBytes !== image.chunkSizeBytes) {
    throw new DeployError('invalid-input', `'${present.name}' and '${image.name}' have chunks of different sizes`);
  }
  const places = new PlaceTable(present.usedBytes / chunkSizeBytes);
  const loader = new SegmentLoader(store, present, signal);
  const bySlots = byBytes / chunkSizeBytes;
  for (const [index, segment] of Number.isInteger(bySlots) ? present.segments.entries() : []) {
    if (segment === null || (bySlots === 0 && segment === image.segments[index])) continue;
    for (const { digest, index: slot } of await loader.load(index)) {
      const place = (index * segmentSizeBytes) / chunkSizeBytes + slot + bySlots;
      if (digest !== null && place >= 0) places.put(digest, place);
    }
  }
  return { places, bytesFetched: loader.bytesFetched };
}
