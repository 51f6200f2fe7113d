// POST /v1/scenarios
import { scenarioSchema } from '../../protocol/rest.ts';
import { scenarioBodySchema } from '../../protocol/scenario-body.ts';
import type { Route } from '../route.ts';
import { createScenario } from '../scenarios/scenarios.ts';

export const postScenario: Route = {
  method: 'POST',
  path: '/v1/scenarios',
  access: 'operator',
  doc: { summary: 'Make a scenario', body: scenarioBodySchema, answer: scenarioSchema, status: 201 },
  async handle({ db }, request, _caller, reply) {
    const scenario = await createScenario(db, scenarioBodySchema.parse(request.body));
    reply.code(201);
    return scenario;
  },
};
