// An image out of its store: the checked manifest, and its segments one after the other.
import { decodeChunk } from '../chunk/stored-chunk.ts';
import type { ChunkStore } from '../store/chunk-store.ts';
import { type Manifest, parseManifest } from './manifest.ts';
import { readSlots, type Slot, segmentLengthBytes } from './segment.ts';

/** @throws image-not-found, manifest-corrupt, manifest-version */
export async function loadManifest(store: ChunkStore, name: string, signal?: AbortSignal): Promise<Manifest> {
  return parseManifest(await store.getManifest(name, signal));
}

/** The used slots of segment `index`, none for an all-hole one. @throws chunk-not-found, chunk-corrupt, manifest-corrupt */
export async function loadSegment(
  store: Pick<ChunkStore, 'getChunk'>,
  manifest: Manifest,
  index: number,
  signal?: AbortSignal,
): Promise<Iterable<Slot>> {
  const digest = manifest.segments[index];
  if (digest === null || digest === undefined) return [];
  const bytes = decodeChunk(digest, await store.getChunk(digest, signal));
  const { chunkSizeBytes, geometry } = manifest;
  return readSlots(bytes, { lengthBytes: segmentLengthBytes(geometry.sizeBytes, index), chunkSizeBytes });
}
