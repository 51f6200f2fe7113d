// POST /v1/jobs/:id/cancel: a waiting job ends at once, a running one when its agent has stopped
import { jobSchema } from '../../protocol/rest.ts';
import { tellRunning } from '../agents/tell-running.ts';
import { changeJob } from '../jobs/change-job.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { pathParameter, type Route } from '../route.ts';

export const postJobCancel: Route = {
  method: 'POST',
  path: '/v1/jobs/:id/cancel',
  access: 'operator',
  on: 'job',
  doc: { summary: 'Stop a job', answer: jobSchema },
  async handle(context, request) {
    const { db } = context;
    const { id } = await readJob(db, pathParameter(request, 'id'));
    await changeJob(db, id, { kind: 'cancel', at: new Date().toISOString() });
    await appendJobLog(db, id, 'info', 'cancellation asked for');
    await tellRunning(context, id);
    return readJob(db, id);
  },
};
