// GET /v1/scenarios/:id
import { scenarioSchema } from '../../protocol/rest.ts';
import { pathParameter, type Route } from '../route.ts';
import { findScenario } from '../scenarios/scenarios.ts';

export const getScenario: Route = {
  method: 'GET',
  path: '/v1/scenarios/:id',
  access: 'viewer',
  on: 'caller',
  doc: { summary: 'One scenario', answer: scenarioSchema },
  handle: ({ db }, request) => findScenario(db, pathParameter(request, 'id')),
};
