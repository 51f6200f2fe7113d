// What a scenario leaves open: parameters, and the names that every job fills in by itself. They stand as `{name}` in names of images, and in a script's environment.
import { z } from 'zod';
import { DeployError } from './errors.ts';

const nameSchema = z.string().regex(/^[a-z][a-z0-9-]{0,31}$/, 'is not lower-case letters, digits and hyphens');

/** One line, kept in NFC: it may become a part of an image's name. */
export const parameterValueSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}]+$/u, 'must not hold control characters')
  .transform((value) => value.normalize('NFC'));

/** Without a default, whoever asks for a job has to give a value. */
export const parameterSchema = z.strictObject({
  name: nameSchema,
  default: parameterValueSchema.exactOptional(),
  description: z.string().max(512).exactOptional(),
});
export type Parameter = z.infer<typeof parameterSchema>;

/** Values as a job is asked for with them. */
export const parameterValuesSchema = z
  .record(nameSchema, parameterValueSchema)
  .refine((values) => Object.keys(values).length <= 32, 'are more than 32');
export type ParameterValues = Readonly<Record<string, string>>;

/** Of the machine, the day in UTC, and of several disks the number of this one, from 1. */
export const builtInNames = ['machine', 'date', 'n'] as const;

const placeholder = /\{([a-z][a-z0-9-]{0,31})\}/g;

/** The names that stand in `text` as `{name}`; other braces are plain text. */
export function listPlaceholders(text: string): string[] {
  return [...text.matchAll(placeholder)].map(([, name = '']) => name);
}

/** In one go: what a value holds is not filled in again. A name without a value stays as it is. */
export function fillText(text: string, values: ParameterValues): string {
  return text.replaceAll(
    placeholder,
    (whole, name: string) => (Object.hasOwn(values, name) ? values[name] : whole) ?? whole,
  );
}

/**
 * The value of every parameter: as given, or its default.
 * @throws DeployError invalid-input for one without a value, and for a value of a parameter that there is not
 */
export function resolveParameters(parameters: readonly Parameter[], given: ParameterValues): ParameterValues {
  const stray = Object.keys(given).find((name) => !parameters.some((parameter) => parameter.name === name));
  if (stray !== undefined) {
    const known = parameters.map(({ name }) => name).join(', ');
    throw new DeployError('invalid-input', `the scenario has no parameter '${stray}'`, {
      hint: known === '' ? 'It has none at all.' : `It has: ${known}.`,
    });
  }
  const missing = parameters.filter(
    (parameter) => parameter.default === undefined && !Object.hasOwn(given, parameter.name),
  );
  if (missing.length > 0) {
    const names = missing.map(({ name }) => `'${name}'`).join(', ');
    throw new DeployError('invalid-input', `the scenario wants a value for its parameter ${names}`, {
      hint: 'Give it with the job (--set NAME=VALUE).',
    });
  }
  return Object.fromEntries(parameters.map(({ name, default: fallback = '' }) => [name, given[name] ?? fallback]));
}
