// Chunks are checked on arrival: what an agent sends is believed only once it decodes to the bytes that its digest names.
import { decodeChunk } from '../../imaging/chunk/stored-chunk.ts';
import type { StoredChunk } from '../../imaging/store/chunk-store.ts';

/** @throws DeployError chunk-corrupt naming the first wrong one. */
export async function checkChunks(chunks: readonly StoredChunk[]): Promise<void> {
  for (const { digest, stored } of chunks) {
    decodeChunk(digest, stored);
    // A batch takes tens of milliseconds; others get their turn between its chunks.
    await new Promise((resolve) => setImmediate(resolve));
  }
}
