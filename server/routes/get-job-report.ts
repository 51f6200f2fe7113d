// GET /v1/jobs/:id/report: all that is kept of a job, for whoever has to show what was done
import { jobReportSchema } from '../../protocol/rest.ts';
import { readReport } from '../jobs/read-report.ts';
import { pathParameter, type Route } from '../route.ts';

export const getJobReport: Route = {
  method: 'GET',
  path: '/v1/jobs/:id/report',
  access: 'viewer',
  on: 'job',
  doc: { summary: 'A job with its steps, the disks that were approved, and its log', answer: jobReportSchema },
  handle: ({ db }, request) => readReport(db, pathParameter(request, 'id')),
};
