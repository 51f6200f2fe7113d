// GET /v1/machines/:id/disks
import { diskCheckSchema } from '../../protocol/disk-check.ts';
import { answerCsv, formatQuerySchema, wantsCsv } from '../answer-format.ts';
import { checkToCsv } from '../disk-checks/check-to-csv.ts';
import { readLatestCheck } from '../disk-checks/read-checks.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

export const getMachineDisks: Route = {
  method: 'GET',
  path: '/v1/machines/:id/disks',
  access: 'viewer',
  on: 'machine',
  doc: { summary: "A machine's newest disk check, as JSON or CSV", query: formatQuerySchema, answer: diskCheckSchema },
  async handle({ db }, request, _caller, reply) {
    const check = await readLatestCheck(db, await findMachine(db, pathParameter(request, 'id')));
    return wantsCsv(request) ? answerCsv(reply, checkToCsv(check)) : check;
  },
};
