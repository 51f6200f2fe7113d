// POST /v1/batches/:id/resume: its paused jobs go on, or wait for their turn again
import { batchWithJobsSchema } from '../../protocol/batches.ts';
import { dispatchJob } from '../agents/dispatch.ts';
import { tellRunning } from '../agents/tell-running.ts';
import { changeBatch, readBatch } from '../jobs/batches.ts';
import { pathParameter, type Route } from '../route.ts';

export const postBatchResume: Route = {
  method: 'POST',
  path: '/v1/batches/:id/resume',
  access: 'operator',
  on: 'batch',
  doc: { summary: 'Let the paused jobs of a batch go on', answer: batchWithJobsSchema },
  async handle(context, request) {
    const { id, jobs } = await readBatch(context.db, pathParameter(request, 'id'));
    await changeBatch(context.db, id, { kind: 'release', reason: 'paused' }, 'the end of its pause was asked for');
    await tellRunning(context);
    for (const { machineId, state } of jobs) if (state === 'queued') await dispatchJob(context, machineId);
    return readBatch(context.db, id);
  },
};
