// Machines as a file has them: exported, and imported before or after they have shown up (`GET` and `POST /v1/machine-file`).
import { z } from 'zod';
import { nameSchema } from './scenario.ts';

export const fileMachineSchema = z.strictObject({
  name: nameSchema,
  /** Without any of these three it must be there already, under its name. */
  uuid: z.string().max(64).nullable().default(null),
  serial: z.string().max(128).nullable().default(null),
  macs: z.array(z.string().max(64)).max(64).default([]),
  /** Of those that are there: the ones that it is to be in, too. */
  groups: z.array(nameSchema).max(100).default([]),
  tags: z.array(nameSchema).max(100).default([]),
  /** One that is approved already stays so. */
  state: z.enum(['pending', 'approved']).default('pending'),
});
export type FileMachine = z.infer<typeof fileMachineSchema>;

export const maxFileMachines = 20_000;

/** POST /v1/machine-file: all or nothing. */
export const machineImportSchema = z.strictObject({
  /** Looked at one by one, so that each error says which row it is of. */
  machines: z.array(z.unknown()).max(maxFileMachines),
  /** What each is called in errors: `line 7`; without it, its place in the list. */
  rows: z.array(z.string().max(64)).max(maxFileMachines).exactOptional(),
  dryRun: z.boolean().default(false),
});
export const machineImportAnswerSchema = z.object({
  created: z.number().int().nonnegative(),
  updated: z.number().int().nonnegative(),
  dryRun: z.boolean(),
});
