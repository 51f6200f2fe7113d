// GET /v1/machines/:id/disk-checks/:check
import { diskCheckSchema } from '../../protocol/disk-check.ts';
import { answerCsv, formatQuerySchema, wantsCsv } from '../answer-format.ts';
import { checkToCsv } from '../disk-checks/check-to-csv.ts';
import { readCheck } from '../disk-checks/read-checks.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

export const getDiskCheck: Route = {
  method: 'GET',
  path: '/v1/machines/:id/disk-checks/:check',
  access: 'viewer',
  on: 'machine',
  doc: { summary: "One of a machine's disk checks, as JSON or CSV", query: formatQuerySchema, answer: diskCheckSchema },
  async handle({ db }, request, _caller, reply) {
    const machine = await findMachine(db, pathParameter(request, 'id'));
    const check = await readCheck(db, machine, pathParameter(request, 'check'));
    return wantsCsv(request) ? answerCsv(reply, checkToCsv(check)) : check;
  },
};
