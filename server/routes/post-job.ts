// POST /v1/jobs: one scenario on one machine; it waits when the machine is not approved, not there or busy
import { jobRequestSchema, jobSchema } from '../../protocol/rest.ts';
import { dispatchJob } from '../agents/dispatch.ts';
import { nameOf } from '../callers.ts';
import { askForJob } from '../jobs/ask-for-jobs.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { findMachine } from '../machines/read-machines.ts';
import { requireOnMachine } from '../people/machine-access.ts';
import type { Route } from '../route.ts';

export const postJob: Route = {
  method: 'POST',
  path: '/v1/jobs',
  access: 'operator',
  on: 'caller',
  doc: { summary: 'Ask for a job: a scenario on a machine', body: jobRequestSchema, answer: jobSchema, status: 201 },
  async handle(context, request, caller, reply) {
    const body = jobRequestSchema.parse(request.body);
    await requireOnMachine(context.db, caller, await findMachine(context.db, body.machine), 'operator', body.machine);
    const { id, isNew } = await askForJob(context, body, nameOf(caller));
    const job = await readJob(context.db, id);
    if (!isNew) return job;
    request.log.info(
      { job: id, scenario: job.scenarioName, machine: job.machineId, name: job.machineName },
      'job requested',
    );
    await dispatchJob(context, job.machineId);
    reply.code(201);
    return readJob(context.db, id);
  },
};
