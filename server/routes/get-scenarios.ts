// GET /v1/scenarios
import type { Route } from '../route.ts';
import { listScenarios } from '../scenarios/scenarios.ts';

export const getScenarios: Route = {
  method: 'GET',
  path: '/v1/scenarios',
  access: 'viewer',
  handle: ({ db }) => listScenarios(db),
};
