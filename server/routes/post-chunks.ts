// POST /v1/chunks: nothing of a batch is stored unless every chunk in it is what its digest says
import { freeMemory } from '../../imaging/chunk/memory.ts';
import { isSealed } from '../../imaging/crypt/sealed-chunk.ts';
import { decodeChunkBatch, maxBatchBytes } from '../../imaging/store/chunk-batch.ts';
import type { ChunkStore, StoredChunk } from '../../imaging/store/chunk-store.ts';
import { bodyBytes, type Route } from '../route.ts';

export const postChunks: Route = {
  method: 'POST',
  path: '/v1/chunks',
  access: 'storing-job',
  doc: { summary: 'Store a batch of chunks (docs/protocol.md, "Data")', body: 'application/octet-stream' },
  maxBodyBytes: maxBatchBytes,
  async handle({ store, checker, databaseRoom }, request) {
    await databaseRoom.require();
    const chunks = await checker.check(decodeChunkBatch(bodyBytes(request)));
    const wanted = await withoutHeldSealed(store, chunks);
    await store.putChunks(wanted.map((chunk) => ({ ...chunk, disposable: true })));
    // A directory has taken it over, a bucket leaves it here.
    for (const { stored } of chunks) freeMemory(stored);
  },
};

/**
 * The server cannot look into a sealed chunk: an agent could send rubbish under the name of one that it has seen. What is there stays;
 * one found damaged is moved aside first (`deploy-os store check --repair`) and then is missing.
 */
async function withoutHeldSealed(store: ChunkStore, chunks: readonly StoredChunk[]): Promise<readonly StoredChunk[]> {
  const sealed = chunks.filter(({ stored }) => isSealed(stored)).map(({ digest }) => digest);
  if (sealed.length === 0) return chunks;
  const missing = new Set(await store.findMissing(sealed));
  return chunks.filter(({ digest, stored }) => !isSealed(stored) || missing.has(digest));
}
