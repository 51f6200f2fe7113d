// POST /v1/plans: a dry run of a scenario, saved or not, on machines
import { planRequestSchema, planSchema } from '../../protocol/plan.ts';
import type { Scenario } from '../../protocol/rest.ts';
import { findMachine } from '../machines/read-machines.ts';
import { requireOnMachine } from '../people/machine-access.ts';
import { planMachine } from '../plans/plan-machine.ts';
import { PlannedImages } from '../plans/planned-images.ts';
import type { Route } from '../route.ts';
import { findScenario } from '../scenarios/scenarios.ts';

export const postPlan: Route = {
  method: 'POST',
  path: '/v1/plans',
  access: 'viewer',
  on: 'caller',
  doc: { summary: 'See what a scenario would do on machines', body: planRequestSchema, answer: planSchema },
  async handle(context, request, caller) {
    const { scenario: named, draft, machines, parameters } = planRequestSchema.parse(request.body);
    const scenario: Scenario =
      draft === undefined
        ? await findScenario(context.db, named ?? '')
        : { ...draft, id: 'draft', createdAt: new Date().toISOString(), updatedAt: null };
    const images = new PlannedImages(context.store);
    const made = new Set<string>();
    const planned = [];
    for (const name of machines) {
      const machine = await findMachine(context.db, name);
      await requireOnMachine(context.db, caller, machine, 'viewer');
      planned.push(await planMachine(context, machine, { scenario, parameters, images, made }));
    }
    return { scenario: scenario.name, machines: planned };
  },
};
