// What a job does: scenarios as an administrator writes them, and the steps an agent is handed.
import { z } from 'zod';

/** A name given by a person: any Unicode but control characters, kept in NFC. */
export const nameSchema = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}]+$/u, 'must not hold control characters')
  .transform((name) => name.normalize('NFC'));

/** How a disk is named: by what it is, never by the kernel's order. One that matches none or several disks refuses the job. */
export const diskSelectorSchema = z.discriminatedUnion('by', [
  z.object({ by: z.literal('only') }),
  z.object({ by: z.literal('id'), id: z.string().min(1).max(512) }),
  z.object({ by: z.literal('serial'), serial: z.string().min(1).max(512) }),
  z.object({ by: z.literal('wwn'), wwn: z.string().min(1).max(512) }),
  z.object({ by: z.literal('number'), number: z.number().int().positive() }),
]);
export type DiskSelector = z.infer<typeof diskSelectorSchema>;

/** What the machine does when its job has ended. `wait` keeps the agent running for the next job. */
export const endActionSchema = z.enum(['reboot', 'poweroff', 'wait']);
export type EndAction = z.infer<typeof endActionSchema>;

const captureStep = z.object({
  kind: z.literal('capture'),
  source: diskSelectorSchema,
  image: nameSchema,
  parent: nameSchema.optional(),
  level: z.number().int().min(1).max(19).optional(),
});
const restoreStep = z.object({
  kind: z.literal('restore'),
  image: nameSchema,
  target: diskSelectorSchema,
  holes: z.enum(['discard', 'leave']).default('discard'),
});
const checkStep = z.object({ kind: z.literal('check') });

export const stepSchema = z.discriminatedUnion('kind', [captureStep, restoreStep, checkStep]);
export type Step = z.infer<typeof stepSchema>;

export const scenarioBodySchema = z.object({
  name: nameSchema,
  steps: z.array(stepSchema).min(1).max(32),
  end: endActionSchema.default('reboot'),
});
export type ScenarioBody = z.infer<typeof scenarioBodySchema>;
