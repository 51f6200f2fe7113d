// Finds an image that has much in common with what is at hand: the parent of a capture, or what a restore's target holds.
import { toDeployError } from '../protocol/errors.ts';
import type { DiskMap } from './disk-map.ts';
import { isEscrowName } from './manifest/image-name.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { ChunkStore } from './store/chunk-store.ts';

/** Manifests looked into, newest first. */
const maxLookedAt = 32;

/**
 * The newest of the images that `wanted` takes; null when there is none among the newest 32.
 * A help, not a need: a store that may not be listed (an agent may not) has none either.
 */
export async function findNewestImage(
  store: ChunkStore,
  wanted: (manifest: Manifest) => boolean,
  signal?: AbortSignal,
): Promise<Manifest | null> {
  try {
    const open = await store.openKeys?.(signal);
    // Nobody is to be asked for a passphrase on account of a look around.
    const readable = (await store.listManifests(signal)).filter(({ keyId }) => keyId === undefined || open?.has(keyId));
    const images = readable.filter(({ name }) => !isEscrowName(name));
    const newestFirst = images.sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    for (const { name } of newestFirst.slice(0, maxLookedAt)) {
      const manifest = await loadManifest(store, name, signal);
      if (wanted(manifest)) return manifest;
    }
  } catch (thrown) {
    if (toDeployError(thrown).code === 'cancelled') throw thrown;
  }
  return null;
}

/**
 * Whether an image is one of this disk: the same model and serial number; where either has none, the same table id;
 * for a bare file system, its UUID.
 */
export function isImageOf(
  { source, geometry, partitions }: Manifest,
  disk: { readonly model: string | null; readonly serial: string | null },
  map: DiskMap,
): boolean {
  if (source.serial !== null && disk.serial !== null)
    return source.serial === disk.serial && source.model === disk.model;
  if (geometry.table !== map.table) return false;
  if (map.table !== 'none') return map.diskId !== null && geometry.diskId === map.diskId;
  const uuid = map.partitions[0]?.fileSystemUuid ?? null;
  return uuid !== null && partitions[0]?.fileSystemUuid === uuid;
}
