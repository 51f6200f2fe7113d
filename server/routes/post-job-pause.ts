// POST /v1/jobs/:id/pause: a waiting job is not handed out, a running one stands still between two chunks
import { jobSchema } from '../../protocol/rest.ts';
import { tellRunning } from '../agents/tell-running.ts';
import { changeJob } from '../jobs/change-job.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { pathParameter, type Route } from '../route.ts';

export const postJobPause: Route = {
  method: 'POST',
  path: '/v1/jobs/:id/pause',
  access: 'operator',
  on: 'job',
  doc: { summary: 'Hold a job back, or make it stand still', answer: jobSchema },
  async handle(context, request) {
    const { id } = await readJob(context.db, pathParameter(request, 'id'));
    await changeJob(context.db, id, { kind: 'hold', reason: 'paused' });
    await appendJobLog(context.db, id, 'info', 'a pause was asked for');
    await tellRunning(context, id);
    return readJob(context.db, id);
  },
};
