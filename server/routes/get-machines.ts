// GET /v1/machines?search=&group=&tag=&state=&online=&after=&limit=
import { machineQuerySchema } from '../../protocol/rest.ts';
import { listMachines } from '../machines/list-machines.ts';
import type { Route } from '../route.ts';

export const getMachines: Route = {
  method: 'GET',
  path: '/v1/machines',
  access: 'viewer',
  handle: ({ db }, request) => listMachines(db, machineQuerySchema.parse(request.query)),
};
