// POST /v1/plans: a dry run of a scenario, saved or not, on machines
import { DeployError } from '../../protocol/errors.ts';
import { maxPlannedMachines, planRequestSchema, planSchema } from '../../protocol/plan.ts';
import type { Scenario } from '../../protocol/rest.ts';
import type { Context } from '../context.ts';
import type { MachineRow } from '../database/schema.ts';
import { machinesOfBatch } from '../jobs/batches.ts';
import { requireOnMachines } from '../people/machine-access.ts';
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
    const { scenario: named, draft, parameters, useDamaged = false, ...of } = planRequestSchema.parse(request.body);
    const scenario: Scenario =
      draft === undefined
        ? await findScenario(context.db, named ?? '')
        : { ...draft, id: 'draft', createdAt: new Date().toISOString(), updatedAt: null };
    const images = new PlannedImages(context.store);
    const made = new Set<string>();
    const planned = [];
    const machines = await machinesOf(context, of);
    await requireOnMachines(context.db, caller, machines, { wanted: 'viewer', asked: of.machines });
    for (const machine of machines) {
      planned.push(await planMachine(context, machine, { scenario, parameters, images, made, useDamaged }));
    }
    return { scenario: scenario.name, machines: planned };
  },
};

async function machinesOf({ db }: Context, of: Parameters<typeof machinesOfBatch>[1]): Promise<MachineRow[]> {
  const machines = await machinesOfBatch(db, of);
  if (machines.length <= maxPlannedMachines) return machines;
  throw new DeployError(
    'invalid-input',
    `these are ${machines.length} machines, and a plan is for ${maxPlannedMachines} at most`,
    { hint: 'Name the machines in several requests.' },
  );
}
