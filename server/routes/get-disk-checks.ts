// GET /v1/machines/:id/disk-checks?limit=&before=

import { z } from 'zod';
import { diskCheckPageSchema } from '../../protocol/disk-check.ts';
import { answerCsv, formatQuerySchema, wantsCsv } from '../answer-format.ts';
import { checksToCsv } from '../disk-checks/check-to-csv.ts';
import { listChecks } from '../disk-checks/read-checks.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

const querySchema = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  before: z.string().min(1).max(64).optional(),
});

export const getDiskChecks: Route = {
  method: 'GET',
  path: '/v1/machines/:id/disk-checks',
  access: 'viewer',
  on: 'machine',
  doc: {
    summary: "A machine's disk checks, newest first, as JSON or CSV",
    query: querySchema.extend(formatQuerySchema.shape),
    answer: diskCheckPageSchema,
  },
  async handle({ db }, request, _caller, reply) {
    const { limit, before } = querySchema.parse(request.query);
    const page = await listChecks(db, await findMachine(db, pathParameter(request, 'id')), { limit, before });
    return wantsCsv(request) ? answerCsv(reply, checksToCsv(page.checks)) : page;
  },
};
