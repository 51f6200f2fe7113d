// POST /v1/batches/:id/pause: every job of it that has not ended and is not held already
import { batchWithJobsSchema } from '../../protocol/batches.ts';
import { tellRunning } from '../agents/tell-running.ts';
import { changeBatch, readBatch } from '../jobs/batches.ts';
import { pathParameter, type Route } from '../route.ts';

export const postBatchPause: Route = {
  method: 'POST',
  path: '/v1/batches/:id/pause',
  access: 'operator',
  on: 'batch',
  doc: { summary: 'Pause every job of a batch', answer: batchWithJobsSchema },
  async handle(context, request) {
    const { id } = await readBatch(context.db, pathParameter(request, 'id'));
    await changeBatch(context.db, id, { kind: 'hold', reason: 'paused' }, 'a pause of its batch was asked for');
    await tellRunning(context);
    return readBatch(context.db, id);
  },
};
