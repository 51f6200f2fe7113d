// An image's content from its first used slot to its last: what an export walks through, decoded by all cores a little ahead of it.
import { throwIfCancelled } from './cancelled.ts';
import { ownedMemory } from './chunk/memory.ts';
import { WorkerPool } from './chunk/worker-pool.ts';
import type { Extent } from './extent.ts';
import { type ImageChunks, openImageChunks } from './manifest/image-chunks.ts';
import { loadSegment } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import { type Slot, slotPlace } from './manifest/segment.ts';
import type { ChunkStore } from './store/chunk-store.ts';

/** A used slot of the disk; `used` is relative to its first byte. `bytes` is null where all of it is zero. */
export type SlotContent = {
  readonly offsetBytes: number;
  readonly used: readonly Extent[];
  readonly bytes: Uint8Array | null;
  /** What the store gave for it. */
  readonly bytesFetched: number;
};

/**
 * Every used slot in order, its digest checked. Memory is bounded by the slots that the workers hold.
 * @throws chunk-not-found, chunk-corrupt, manifest-corrupt, store errors, cancelled
 */
export async function* readContent(
  store: ChunkStore,
  manifest: Manifest,
  options: { readonly workers?: number; readonly signal?: AbortSignal } = {},
): AsyncGenerator<SlotContent> {
  const { signal } = options;
  const pool = new WorkerPool({ device: null, chunkSizeBytes: manifest.chunkSizeBytes }, options.workers);
  const chunks = openImageChunks(store, manifest);
  const ahead: Promise<SlotContent>[] = [];
  const next = () => ahead.shift() as Promise<SlotContent>;
  try {
    for (const index of manifest.segments.keys()) {
      for (const slot of await loadSegment(store, manifest, index, signal)) {
        throwIfCancelled(signal);
        const reading = readSlot(chunks, manifest, pool, index, slot, signal);
        // Its error is thrown in its turn; until then nobody waits for it.
        reading.catch(() => {});
        ahead.push(reading);
        if (ahead.length >= pool.size) yield await next();
      }
    }
    while (ahead.length > 0) yield await next();
  } finally {
    await Promise.allSettled(ahead);
    await pool.close();
  }
}

async function readSlot(
  chunks: ImageChunks,
  manifest: Manifest,
  pool: WorkerPool,
  segment: number,
  { index, digest, used }: Slot,
  signal: AbortSignal | undefined,
): Promise<SlotContent> {
  const { chunkSizeBytes, geometry } = manifest;
  const { offsetBytes, lengthBytes } = slotPlace({ sizeBytes: geometry.sizeBytes, chunkSizeBytes }, segment, index);
  if (digest === null) return { offsetBytes, used, bytes: null, bytesFetched: 0 };
  const stored = await chunks.getChunk(digest, signal);
  const bytesFetched = stored.length;
  const { bytes } = await pool.lease(({ ask }) =>
    ask('decodeChunk', { digest, stored, lengthBytes }, ownedMemory(stored)),
  );
  return { offsetBytes, used, bytes, bytesFetched };
}
