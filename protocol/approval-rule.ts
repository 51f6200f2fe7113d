// Approval rules: machines that one of them fits are approved by themselves.
import { z } from 'zod';
import { machineRuleSchema } from './machine-rule.ts';
import { nameSchema } from './scenario.ts';

const id = z.string().min(1).max(64);

const fields = {
  name: nameSchema,
  /** One of them is enough; of several approval rules that fit, the one with the smallest `order` counts. */
  rules: z.array(machineRuleSchema).min(1).max(100),
  order: z.number().int().min(0).max(1_000_000),
  /** What a machine is given when it is approved. */
  tags: z.array(nameSchema).max(100),
  /** By name or id; null: none. */
  group: nameSchema.nullable(),
  /** By name or id; null: as the rules of boot profiles say. */
  bootProfile: nameSchema.nullable(),
};

/** POST /v1/approval-rules */
export const approvalRuleBodySchema = z.strictObject({
  ...fields,
  order: fields.order.default(100),
  tags: fields.tags.default([]),
  group: fields.group.default(null),
  bootProfile: fields.bootProfile.default(null),
});
export type ApprovalRuleBody = z.infer<typeof approvalRuleBodySchema>;

/** PATCH /v1/approval-rules/:id: what is not named stays. */
export const approvalRulePatchSchema = z.strictObject(fields).partial();
export type ApprovalRulePatch = z.infer<typeof approvalRulePatchSchema>;

/** Group and boot profile by name. */
export const approvalRuleSchema = z.object({
  id,
  ...fields,
  createdAt: z.iso.datetime(),
  /** How many machines it has approved. */
  uses: z.number().int().nonnegative(),
  lastUsedAt: z.iso.datetime().nullable(),
});
export type ApprovalRule = z.infer<typeof approvalRuleSchema>;
