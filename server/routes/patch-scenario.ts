// PATCH /v1/scenarios/:id: jobs that were asked for keep the steps as they were
import { scenarioPatchSchema, scenarioSchema } from '../../protocol/rest.ts';
import { scenarioBodySchema } from '../../protocol/scenario-body.ts';
import { pathParameter, type Route } from '../route.ts';
import { checkScriptAuthor } from '../scenarios/check-scripts.ts';
import { changeScenario } from '../scenarios/scenarios.ts';

export const patchScenario: Route = {
  method: 'PATCH',
  path: '/v1/scenarios/:id',
  access: 'operator',
  doc: { summary: 'Change a scenario', body: scenarioPatchSchema, answer: scenarioSchema },
  handle({ db, config }, request, caller) {
    const patch = scenarioPatchSchema.parse(request.body);
    return changeScenario(db, pathParameter(request, 'id'), ({ name, parameters, steps, end }) => {
      const changed = scenarioBodySchema.parse({ name, parameters, steps, end, ...patch });
      checkScriptAuthor(config, caller, steps, changed.steps);
      return changed;
    });
  },
};
