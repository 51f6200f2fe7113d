// POST /v1/jobs/:id/retry: the same steps again, in a job of their own
import { jobSchema, retryRequestSchema } from '../../protocol/rest.ts';
import { dispatchJob } from '../agents/dispatch.ts';
import { nameOf } from '../callers.ts';
import { retryJob } from '../jobs/retry-job.ts';
import { pathParameter, type Route } from '../route.ts';

export const postJobRetry: Route = {
  method: 'POST',
  path: '/v1/jobs/:id/retry',
  access: 'operator',
  on: 'job',
  doc: {
    summary: 'Do again what a job that failed or was cancelled did not',
    body: retryRequestSchema,
    answer: jobSchema,
    status: 201,
  },
  async handle(context, request, caller, reply) {
    const { useDamaged } = retryRequestSchema.parse(request.body ?? {});
    const asked = { requestedBy: nameOf(caller), useDamaged };
    const job = await retryJob(context, pathParameter(request, 'id'), asked);
    request.log.info({ job: job.id, retryOf: job.retryOf, machine: job.machineName }, 'job asked for again');
    await dispatchJob(context, job.machineId);
    reply.code(201);
    return job;
  },
};
