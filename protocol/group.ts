// Groups of machines: a named list of them, or rules that say which they are, or both.
import { z } from 'zod';
import { machineRulesSchema } from './machine-rule.ts';
import { nameSchema } from './scenario.ts';

const id = z.string().min(1).max(64);
/** Machines by id or by name. */
const machines = z.array(nameSchema).max(10_000);

export const groupSchema = z.object({
  id,
  name: z.string(),
  rules: machineRulesSchema,
  /** How many machines are in it, by whichever way. */
  machineCount: z.number().int().nonnegative(),
  createdAt: z.iso.datetime(),
});
export type Group = z.infer<typeof groupSchema>;

/** GET /v1/groups/:id: also the machines that somebody put into it; all are at GET /v1/machines?group=. */
export const oneGroupSchema = groupSchema.extend({ members: z.array(z.object({ id, name: z.string() })) });

/** POST /v1/groups */
export const groupBodySchema = z.strictObject({
  name: nameSchema,
  rules: machineRulesSchema.default([]),
  members: machines.default([]),
});

/** PATCH /v1/groups/:id: what is not named stays. */
export const groupPatchSchema = z.strictObject({
  name: nameSchema.exactOptional(),
  rules: machineRulesSchema.exactOptional(),
});

/** POST /v1/groups/:id/members: all of it or nothing. */
export const groupMembersSchema = z.strictObject({ add: machines.default([]), remove: machines.default([]) });

/** GET /v1/tags */
export const tagCountSchema = z.object({ tag: z.string(), machineCount: z.number().int() });
