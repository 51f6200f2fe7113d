// GET /v1/scenarios/:id
import { pathParameter, type Route } from '../route.ts';
import { findScenario } from '../scenarios/scenarios.ts';

export const getScenario: Route = {
  method: 'GET',
  path: '/v1/scenarios/:id',
  access: 'viewer',
  handle: ({ db }, request) => findScenario(db, pathParameter(request, 'id')),
};
