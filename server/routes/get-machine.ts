// GET /v1/machines/:id
import { findMachine, toMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';

export const getMachine: Route = {
  method: 'GET',
  path: '/v1/machines/:id',
  access: 'viewer',
  handle: async ({ db }, request) => toMachine(await findMachine(db, pathParameter(request, 'id'))),
};
