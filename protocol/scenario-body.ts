// A scenario as an administrator writes it: its steps in their order, what they leave open, and the end. Looked at as a whole when it is saved.
import { z } from 'zod';
import { listStepPlaceholders } from './expand-steps.ts';
import { builtInNames, parameterSchema } from './parameters.ts';
import { endActionSchema, nameSchema, stepSchema } from './scenario.ts';

/** A scenario before it is looked at as a whole. */
export const scenarioPartsSchema = z.object({
  name: nameSchema,
  parameters: z.array(parameterSchema).max(32).default([]),
  steps: z.array(stepSchema).min(1).max(32),
  end: endActionSchema.default('reboot'),
});

export const scenarioBodySchema = scenarioPartsSchema.superRefine(({ parameters, steps }, context) => {
  const refuse = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message });
  for (const [i, { name }] of parameters.entries()) {
    if (builtInNames.some((builtIn) => builtIn === name))
      refuse(['parameters', i, 'name'], `'${name}' is filled in by every job`);
    if (parameters.findIndex((other) => other.name === name) < i)
      refuse(['parameters', i, 'name'], `'${name}' is there twice`);
  }
  const known = new Set<string>([...builtInNames, ...parameters.map(({ name }) => name)]);
  for (const [i, step] of steps.entries()) {
    for (const name of listStepPlaceholders(step).filter((placeholder) => !known.has(placeholder))) {
      refuse(['steps', i], `{${name}} is no parameter of the scenario (known are ${[...known].join(', ')})`);
    }
  }
});
export type ScenarioBody = z.infer<typeof scenarioBodySchema>;
