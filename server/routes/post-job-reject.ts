// POST /v1/jobs/:id/reject: a job that waits for a second person ends, with the reason
import { jobSchema } from '../../protocol/rest.ts';
import { rejectJobSchema } from '../../protocol/second-person.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { pathParameter, type Route } from '../route.ts';
import { rejectJob } from '../second-person/decide.ts';

export const postJobReject: Route = {
  method: 'POST',
  path: '/v1/jobs/:id/reject',
  access: 'operator',
  on: 'job',
  doc: { summary: 'End a job that waits for a second person', body: rejectJobSchema, answer: jobSchema },
  async handle({ db }, request, caller) {
    const { reason } = rejectJobSchema.parse(request.body);
    const { id } = await readJob(db, pathParameter(request, 'id'));
    await rejectJob(db, id, caller, reason);
    const job = await readJob(db, id);
    await appendJobLog(db, id, 'warning', job.error?.message ?? 'rejected');
    return job;
  },
};
