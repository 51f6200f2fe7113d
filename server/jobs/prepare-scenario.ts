// What a scenario means for one machine today: its parameters have values, and its steps are one for each disk with every name filled in.
import { z } from 'zod';
import { checkHostName } from '../../imaging/settings/settings.ts';
import { DeployError } from '../../protocol/errors.ts';
import { expandSteps } from '../../protocol/expand-steps.ts';
import { type ParameterValues, resolveParameters } from '../../protocol/parameters.ts';
import type { Scenario } from '../../protocol/rest.ts';
import { type Step, stepSchema } from '../../protocol/scenario.ts';

export type PreparedScenario = Pick<Scenario, 'id' | 'name' | 'end'> & {
  readonly steps: readonly Step[];
  /** Of its parameters. */
  readonly values: ParameterValues;
};

/** @throws DeployError invalid-input: a parameter without a value or one that there is not, and a name, also of a host, that is none once it is filled in */
export function prepareScenario(
  { id, name, end, parameters, steps }: Scenario,
  machineName: string,
  given: ParameterValues = {},
): PreparedScenario {
  const values = resolveParameters(parameters, given);
  const date = new Date().toISOString().slice(0, 10);
  const filled = expandSteps(steps, { ...values, machine: machineName, date });
  const { data, error } = z.array(stepSchema).safeParse(filled);
  if (data !== undefined) {
    for (const step of data) if (step.kind === 'restore' && step.hostName !== undefined) checkHostName(step.hostName);
    return { id, name, end, steps: data, values };
  }
  throw new DeployError(
    'invalid-input',
    `the scenario '${name}' makes no job on ${machineName}: ${z.prettifyError(error)}`,
  );
}
