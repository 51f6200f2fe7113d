// POST /v1/jobs: one scenario on one machine; it waits when the machine is not approved, not there or busy
import { jobRequestSchema, jobSchema } from '../../protocol/rest.ts';
import { dispatchJob } from '../agents/dispatch.ts';
import { nameOf } from '../callers.ts';
import { approveDisks } from '../jobs/approve-disks.ts';
import { checkImages } from '../jobs/check-images.ts';
import { prepareScenario } from '../jobs/prepare-scenario.ts';
import { requestJob } from '../jobs/request-job.ts';
import { findMachine } from '../machines/read-machines.ts';
import type { Route } from '../route.ts';
import { findScenario } from '../scenarios/scenarios.ts';

export const postJob: Route = {
  method: 'POST',
  path: '/v1/jobs',
  access: 'operator',
  doc: { summary: 'Ask for a job: a scenario on a machine', body: jobRequestSchema, answer: jobSchema, status: 201 },
  async handle(context, request, caller, reply) {
    const body = jobRequestSchema.parse(request.body);
    const scenario = await findScenario(context.db, body.scenario);
    const machine = await findMachine(context.db, body.machine);
    const approval = body.approve === undefined ? null : await approveDisks(context.db, machine, body.approve);
    const prepared = prepareScenario(scenario, machine.name, body.parameters);
    await checkImages(context, prepared.steps);
    const job = await requestJob(context.db, { scenario: prepared, machine, approval, requestedBy: nameOf(caller) });
    request.log.info(
      { job: job.id, scenario: scenario.name, machine: machine.id, name: machine.name },
      'job requested',
    );
    await dispatchJob(context, machine.id);
    reply.code(201);
    return job;
  },
};
