// GET /v1/jobs/:id/throughput
import { jobThroughputSchema } from '../../protocol/rest.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { readThroughput } from '../jobs/read-throughput.ts';
import { pathParameter, type Route } from '../route.ts';

export const getJobThroughput: Route = {
  method: 'GET',
  path: '/v1/jobs/:id/throughput',
  access: 'viewer',
  on: 'job',
  doc: { summary: 'How fast a job went', answer: jobThroughputSchema },
  async handle({ db }, request) {
    const { id } = await readJob(db, pathParameter(request, 'id'));
    return readThroughput(db, id);
  },
};
