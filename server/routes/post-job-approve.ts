// POST /v1/jobs/:id/approve: a second person agrees to what a job does to the machine's disks
import { jobSchema } from '../../protocol/rest.ts';
import { approveJobSchema } from '../../protocol/second-person.ts';
import { dispatchJob } from '../agents/dispatch.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { pathParameter, type Route } from '../route.ts';
import { agreeToJob } from '../second-person/decide.ts';

export const postJobApprove: Route = {
  method: 'POST',
  path: '/v1/jobs/:id/approve',
  access: 'operator',
  on: 'job',
  doc: { summary: 'Agree to a job that somebody else asked for', body: approveJobSchema, answer: jobSchema },
  async handle(context, request, caller) {
    const { check } = approveJobSchema.parse(request.body ?? {});
    const { id, machineId } = await readJob(context.db, pathParameter(request, 'id'));
    await agreeToJob(context.db, id, caller, check);
    const job = await readJob(context.db, id);
    await appendJobLog(
      context.db,
      id,
      'info',
      `${job.agreement?.decidedBy} agreed to it, with disk check ${job.approvedCheckId}`,
    );
    await dispatchJob(context, machineId);
    return readJob(context.db, id);
  },
};
