// POST /v1/batches: one scenario on many machines; a job for each, or none at all
import { batchRequestSchema, batchWithJobsSchema } from '../../protocol/batches.ts';
import { dispatchJob } from '../agents/dispatch.ts';
import { nameOf } from '../callers.ts';
import { createBatch, machinesOfBatch, readBatch } from '../jobs/batches.ts';
import { requireOnMachines } from '../people/machine-access.ts';
import type { Route } from '../route.ts';

export const postBatch: Route = {
  method: 'POST',
  path: '/v1/batches',
  access: 'operator',
  on: 'caller',
  doc: {
    summary: 'Ask for a job on each of many machines',
    body: batchRequestSchema,
    answer: batchWithJobsSchema,
    status: 201,
  },
  async handle(context, request, caller, reply) {
    const body = batchRequestSchema.parse(request.body);
    const machines = await machinesOfBatch(context.db, body);
    await requireOnMachines(context.db, caller, machines, { wanted: 'operator', asked: body.machines });
    const { id, isNew } = await createBatch(context, body, nameOf(caller));
    const { jobs } = await readBatch(context.db, id);
    request.log.info({ batch: id, isNew, jobs: jobs.length }, 'batch requested');
    if (isNew) for (const { machineId } of jobs) await dispatchJob(context, machineId);
    reply.code(isNew ? 201 : 200);
    return readBatch(context.db, id);
  },
};
