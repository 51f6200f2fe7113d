// GET /v1/machines
import { listMachines } from '../machines/read-machines.ts';
import type { Route } from '../route.ts';

export const getMachines: Route = {
  method: 'GET',
  path: '/v1/machines',
  access: 'viewer',
  handle: ({ db }) => listMachines(db),
};
