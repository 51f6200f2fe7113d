// POST /v1/jobs/:id/resume: a paused job goes on, or waits for its turn again
import { jobSchema } from '../../protocol/rest.ts';
import { dispatchJob } from '../agents/dispatch.ts';
import { tellRunning } from '../agents/tell-running.ts';
import { changeJob } from '../jobs/change-job.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { pathParameter, type Route } from '../route.ts';

export const postJobResume: Route = {
  method: 'POST',
  path: '/v1/jobs/:id/resume',
  access: 'operator',
  on: 'job',
  doc: { summary: 'Let a paused job go on', answer: jobSchema },
  async handle(context, request) {
    const { id, machineId } = await readJob(context.db, pathParameter(request, 'id'));
    await changeJob(context.db, id, { kind: 'release', reason: 'paused' });
    await appendJobLog(context.db, id, 'info', 'the end of its pause was asked for');
    await tellRunning(context, id);
    await dispatchJob(context, machineId);
    return readJob(context.db, id);
  },
};
