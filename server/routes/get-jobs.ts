// GET /v1/jobs?machine=&held=&group=&batch=&state=&since=&limit=&before=[&format=csv]
import { z } from 'zod';
import { jobHoldSchema, jobSchema, jobStateSchema } from '../../protocol/rest.ts';
import { answerCsv, formatQuerySchema, wantsCsv } from '../answer-format.ts';
import { findGroup } from '../groups/groups.ts';
import { jobsToCsv } from '../jobs/jobs-to-csv.ts';
import { listJobs } from '../jobs/read-jobs.ts';
import { findMachine } from '../machines/read-machines.ts';
import { groupsSeenBy, requireOnMachine } from '../people/machine-access.ts';
import type { Route } from '../route.ts';

const querySchema = z.object({
  machine: z.string().max(255).optional(),
  group: z.string().max(255).optional(),
  batch: z.string().max(64).optional(),
  state: jobStateSchema.optional(),
  held: jobHoldSchema.optional(),
  /** Asked for at this time or later. */
  since: z.iso.datetime({ offset: true }).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(500),
  /** The id of a job: only older ones. */
  before: z.string().max(64).optional(),
});

export const getJobs: Route = {
  method: 'GET',
  path: '/v1/jobs',
  access: 'viewer',
  on: 'caller',
  doc: {
    summary: 'The newest jobs, newest last, as JSON or CSV',
    query: querySchema.extend(formatQuerySchema.shape),
    answer: z.array(jobSchema),
  },
  async handle({ db }, request, caller, reply) {
    const { machine, group, since, ...filter } = querySchema.parse(request.query);
    const found = machine === undefined ? undefined : await findMachine(db, machine);
    if (machine !== undefined && found !== undefined) await requireOnMachine(db, caller, found, 'viewer', machine);
    const jobs = await listJobs(db, {
      ...filter,
      machineId: found?.id,
      inGroups: groupsSeenBy(caller),
      groupId: group === undefined ? undefined : (await findGroup(db, group)).id,
      since: since === undefined ? undefined : new Date(since).toISOString(),
    });
    return wantsCsv(request) ? answerCsv(reply, jobsToCsv(jobs)) : jobs;
  },
};
