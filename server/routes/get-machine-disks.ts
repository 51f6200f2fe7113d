// GET /v1/machines/:id/disks
import { answerCsv, wantsCsv } from '../answer-format.ts';
import { checkToCsv } from '../disk-checks/check-to-csv.ts';
import { readLatestCheck } from '../disk-checks/read-checks.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

export const getMachineDisks: Route = {
  method: 'GET',
  path: '/v1/machines/:id/disks',
  access: 'viewer',
  async handle({ db }, request, _caller, reply) {
    const check = await readLatestCheck(db, await findMachine(db, pathParameter(request, 'id')));
    return wantsCsv(request) ? answerCsv(reply, checkToCsv(check)) : check;
  },
};
