// GET /v1/jobs/:id/plan: which disks a job that waits would read and write, as the newest check knows them
import { DeployError } from '../../protocol/errors.ts';
import { machinePlanSchema } from '../../protocol/plan.ts';
import { findMachine } from '../machines/read-machines.ts';
import { planJob } from '../plans/plan-machine.ts';
import { pathParameter, type Route } from '../route.ts';

export const getJobPlan: Route = {
  method: 'GET',
  path: '/v1/jobs/:id/plan',
  access: 'viewer',
  on: 'job',
  doc: {
    summary: 'What a job that waits would do: each step with the very disk that it picks',
    answer: machinePlanSchema,
  },
  async handle(context, request) {
    const id = pathParameter(request, 'id');
    const job = await context.db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
    if (job === undefined) throw new DeployError('job-not-found', `no job ${id}`);
    if (job.state !== 'queued') {
      throw new DeployError('job-state', `the job is ${job.state}: what it did stands in its report`, {
        hint: `deploy-os job report ${id}`,
      });
    }
    return planJob(context, await findMachine(context.db, job.machineId), job);
  },
};
