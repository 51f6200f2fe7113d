// GET /v1/jobs/:id
import { jobSchema } from '../../protocol/rest.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { pathParameter, type Route } from '../route.ts';

export const getJob: Route = {
  method: 'GET',
  path: '/v1/jobs/:id',
  access: 'viewer',
  on: 'job',
  doc: { summary: 'One job with its results', answer: jobSchema },
  handle: ({ db }, request) => readJob(db, pathParameter(request, 'id')),
};
