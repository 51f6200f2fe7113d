// GET /v1/jobs/:id
import { readJob } from '../jobs/read-jobs.ts';
import { pathParameter, type Route } from '../route.ts';

export const getJob: Route = {
  method: 'GET',
  path: '/v1/jobs/:id',
  access: 'viewer',
  handle: ({ db }, request) => readJob(db, pathParameter(request, 'id')),
};
