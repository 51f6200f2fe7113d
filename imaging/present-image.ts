// What a restore knows of the chunks that its target holds already: an image of the same disk says where they lie.
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { PlaceTable } from './chunk/place-table.ts';
import { segmentSizeBytes } from './chunk/slots.ts';
import type { TableType } from './disk-map.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import { SegmentLoader } from './manifest/segment-loader.ts';
import type { ChunkStore } from './store/chunk-store.ts';

/** Manifests looked into, newest first. */
const maxLookedAt = 32;

/**
 * The newest image of a disk with that table and id, other than `image` and its equals; null when there is none.
 * A help, not a need: a store that may not be listed (an agent may not) has none either.
 */
export async function findPresentImage(
  store: ChunkStore,
  disk: { readonly table: TableType; readonly diskId: string | null },
  image: Manifest,
  signal?: AbortSignal,
): Promise<Manifest | null> {
  if (disk.diskId === null) return null;
  try {
    const newestFirst = (await store.listManifests(signal)).sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    for (const { name } of newestFirst.slice(0, maxLookedAt)) {
      const present = await loadManifest(store, name, signal);
      const { table, diskId } = present.geometry;
      const comparable = present.chunkSizeBytes === image.chunkSizeBytes && present.rootDigest !== image.rootDigest;
      if (table === disk.table && diskId === disk.diskId && comparable) return present;
    }
  } catch (thrown) {
    if (toDeployError(thrown).code === 'cancelled') throw thrown;
  }
  return null;
}

/** Where `present` has its chunks, as far as it differs from `image`, and what it took to learn that. @throws invalid-input when their chunk sizes differ */
export async function placesOf(
  store: ChunkStore,
  present: Manifest,
  image: Manifest,
  signal?: AbortSignal,
): Promise<{ places: PlaceTable; bytesFetched: number }> {
  const { chunkSizeBytes } = present;
  if (chunkSizeBytes !== image.chunkSizeBytes) {
    throw new DeployError('invalid-input', `'${present.name}' and '${image.name}' have chunks of different sizes`);
  }
  const places = new PlaceTable(present.usedBytes / chunkSizeBytes);
  const loader = new SegmentLoader(store, present, signal);
  for (const [index, segment] of present.segments.entries()) {
    if (segment === null || segment === image.segments[index]) continue;
    for (const slot of await loader.load(index)) {
      if (slot.digest !== null) places.put(slot.digest, (index * segmentSizeBytes) / chunkSizeBytes + slot.index);
    }
  }
  return { places, bytesFetched: loader.bytesFetched };
}
