// POST /v1/scenarios
import { scenarioSchema } from '../../protocol/rest.ts';
import { scenarioBodySchema } from '../../protocol/scenario-body.ts';
import type { Route } from '../route.ts';
import { checkScriptAuthor } from '../scenarios/check-scripts.ts';
import { createScenario } from '../scenarios/scenarios.ts';

export const postScenario: Route = {
  method: 'POST',
  path: '/v1/scenarios',
  access: 'operator',
  doc: { summary: 'Make a scenario', body: scenarioBodySchema, answer: scenarioSchema, status: 201 },
  async handle({ db, config }, request, caller, reply) {
    const body = scenarioBodySchema.parse(request.body);
    checkScriptAuthor(config, caller, body.steps);
    const scenario = await createScenario(db, body);
    reply.code(201);
    return scenario;
  },
};
