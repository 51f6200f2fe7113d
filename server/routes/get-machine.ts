// GET /v1/machines/:id
import { machineSchema } from '../../protocol/rest.ts';
import { showMachines } from '../machines/list-machines.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

export const getMachine: Route = {
  method: 'GET',
  path: '/v1/machines/:id',
  access: 'viewer',
  on: 'machine',
  doc: { summary: 'One machine', answer: machineSchema },
  async handle({ db }, request) {
    const [machine] = await showMachines(db, [await findMachine(db, pathParameter(request, 'id'))]);
    return machine;
  },
};
