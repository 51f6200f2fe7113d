// GET /v1/batches/:id: how its jobs stand, each and together
import { batchWithJobsSchema } from '../../protocol/batches.ts';
import { readBatch } from '../jobs/batches.ts';
import { pathParameter, type Route } from '../route.ts';

export const getBatch: Route = {
  method: 'GET',
  path: '/v1/batches/:id',
  access: 'viewer',
  on: 'batch',
  doc: { summary: 'A batch with its jobs, without their results', answer: batchWithJobsSchema },
  handle: ({ db }, request) => readBatch(db, pathParameter(request, 'id')),
};
