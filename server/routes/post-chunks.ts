// POST /v1/chunks: nothing of a batch is stored unless every chunk in it is what its digest says
import { decodeChunkBatch, maxBatchBytes } from '../../imaging/store/chunk-batch.ts';
import { bodyBytes, type Route } from '../route.ts';

export const postChunks: Route = {
  method: 'POST',
  path: '/v1/chunks',
  access: 'capture-job',
  maxBodyBytes: maxBatchBytes,
  async handle({ store, checker }, request) {
    const chunks = decodeChunkBatch(bodyBytes(request));
    await checker.check(chunks);
    await store.putChunks(chunks);
  },
};
