// GET /v1/scenarios
import { z } from 'zod';
import { scenarioSchema } from '../../protocol/rest.ts';
import type { Route } from '../route.ts';
import { listScenarios } from '../scenarios/scenarios.ts';

export const getScenarios: Route = {
  method: 'GET',
  path: '/v1/scenarios',
  access: 'viewer',
  on: 'caller',
  doc: { summary: 'All scenarios', answer: z.array(scenarioSchema) },
  handle: ({ db }) => listScenarios(db),
};
