// POST /v1/batches/:id/cancel: every job of it that has not ended
import { batchWithJobsSchema } from '../../protocol/batches.ts';
import { tellRunning } from '../agents/tell-running.ts';
import { changeBatch, readBatch } from '../jobs/batches.ts';
import { pathParameter, type Route } from '../route.ts';

export const postBatchCancel: Route = {
  method: 'POST',
  path: '/v1/batches/:id/cancel',
  access: 'operator',
  on: 'batch',
  doc: { summary: 'Stop every job of a batch', answer: batchWithJobsSchema },
  async handle(context, request) {
    const { id } = await readBatch(context.db, pathParameter(request, 'id'));
    const event = { kind: 'cancel', at: new Date().toISOString() } as const;
    await changeBatch(context.db, id, event, 'cancellation of its batch asked for');
    await tellRunning(context);
    return readBatch(context.db, id);
  },
};
