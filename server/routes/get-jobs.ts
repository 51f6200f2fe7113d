// GET /v1/jobs?machine=&state=&held=
import { z } from 'zod';
import { jobHoldSchema, jobSchema, jobStateSchema } from '../../protocol/rest.ts';
import { listJobs } from '../jobs/read-jobs.ts';
import { findMachine } from '../machines/read-machines.ts';
import type { Route } from '../route.ts';

const querySchema = z.object({
  machine: z.string().optional(),
  state: jobStateSchema.optional(),
  held: jobHoldSchema.optional(),
});

export const getJobs: Route = {
  method: 'GET',
  path: '/v1/jobs',
  access: 'viewer',
  doc: { summary: 'Jobs, newest last', query: querySchema, answer: z.array(jobSchema) },
  async handle({ db }, request) {
    const { machine, state, held } = querySchema.parse(request.query);
    const machineId = machine === undefined ? undefined : (await findMachine(db, machine)).id;
    return listJobs(db, { machineId, state, held });
  },
};
