// GET /v1/batches?limit=&before=
import { z } from 'zod';
import { batchPageSchema } from '../../protocol/batches.ts';
import { listBatches } from '../jobs/batches.ts';
import type { Route } from '../route.ts';

const querySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(50),
  before: z.string().max(64).exactOptional(),
});

export const getBatches: Route = {
  method: 'GET',
  path: '/v1/batches',
  access: 'viewer',
  doc: { summary: 'Batches of jobs, newest first', query: querySchema, answer: batchPageSchema },
  handle: ({ db }, request) => listBatches(db, querySchema.parse(request.query)),
};
