// GET /v1/jobs/:id/log
import { z } from 'zod';
import { logEntrySchema } from '../../protocol/rest.ts';
import { readJobLog } from '../jobs/job-log.ts';
import { readJob } from '../jobs/read-jobs.ts';
import { pathParameter, type Route } from '../route.ts';

export const getJobLog: Route = {
  method: 'GET',
  path: '/v1/jobs/:id/log',
  access: 'viewer',
  on: 'job',
  doc: { summary: "A job's log, oldest first", answer: z.array(logEntrySchema) },
  async handle({ db }, request) {
    const { id } = await readJob(db, pathParameter(request, 'id'));
    return readJobLog(db, id);
  },
};
