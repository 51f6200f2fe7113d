// People who use the server, the tokens that speak for them, and the record of what they did.
import { z } from 'zod';
import { nameSchema } from './scenario.ts';

/** Each may do what those before it may: nothing but what grants say (below); look; run jobs and change machines, scenarios and images; and decide who may do what. */
export const roles = ['none', 'viewer', 'operator', 'administrator'] as const;
export const roleSchema = z.enum(roles);
export type Role = z.infer<typeof roleSchema>;

/** Long is what makes it good (NIST SP 800-63B 3.1.1); the upper bound keeps hashing cheap. */
export const passwordSchema = z
  .string()
  .min(12, 'a password has at least 12 characters')
  .max(256)
  .transform((text) => text.normalize('NFC'));

export const userSchema = z.object({
  id: z.string(),
  name: z.string(),
  role: roleSchema,
  /** May not log in, and none of its tokens is good. */
  disabled: z.boolean(),
  createdAt: z.string(),
  lastLoginAt: z.string().nullable(),
  /** Of a user who logs in through OpenID Connect. */
  openIdIssuer: z.string().nullable().default(null),
});
export type User = z.infer<typeof userSchema>;

export const userBodySchema = z.strictObject({ name: nameSchema, password: passwordSchema, role: roleSchema });
export const userPatchSchema = z.strictObject({
  password: passwordSchema.exactOptional(),
  role: roleSchema.exactOptional(),
  disabled: z.boolean().exactOptional(),
});
export type UserPatch = z.infer<typeof userPatchSchema>;

/** Bounds only: a wrong password is wrong whatever it looks like. */
export const loginBodySchema = z.strictObject({ name: z.string().max(255), password: z.string().max(1024) });

/** A login that lasts a while, or a token for a script that lasts until it is revoked or runs out. */
export const personTokenSchema = z.object({
  id: z.string(),
  kind: z.enum(['session', 'api']),
  /** What it is for, or from where somebody logged in. */
  label: z.string(),
  userId: z.string(),
  userName: z.string(),
  /** At most so much, whatever its user may. */
  role: roleSchema,
  createdAt: z.string(),
  lastUsedAt: z.string().nullable(),
  expiresAt: z.string().nullable(),
});
export type PersonToken = z.infer<typeof personTokenSchema>;

/** The token itself is told once. */
export const newTokenSchema = personTokenSchema.extend({ token: z.string() });

export const tokenBodySchema = z.strictObject({
  label: nameSchema,
  /** That of its user, if not given. */
  role: roleSchema.exactOptional(),
  /** Without it, until it is revoked. */
  days: z.number().int().min(1).max(3650).exactOptional(),
});

/** A role on a group of machines, besides the one that the person has everywhere. */
export const grantRoles = ['viewer', 'operator'] as const;
export const grantRoleSchema = z.enum(grantRoles);
export type GrantRole = z.infer<typeof grantRoleSchema>;

export const grantSchema = z.object({
  userId: z.string(),
  userName: z.string(),
  groupId: z.string(),
  groupName: z.string(),
  role: grantRoleSchema,
  createdAt: z.string(),
});
export type Grant = z.infer<typeof grantSchema>;

/** POST /v1/grants: user and group by id or by name. */
export const grantBodySchema = z.strictObject({ user: nameSchema, group: nameSchema, role: grantRoleSchema });

export const meSchema = z.object({
  name: z.string(),
  role: roleSchema,
  user: userSchema.nullable(),
  grants: z.array(grantSchema).default([]),
});

/** GET /v1/setup */
export const setupSchema = z.object({
  needsAdministrator: z.boolean(),
  /** Browsers can log in at `GET /v1/session/openid`. */
  openId: z.boolean().default(false),
  /** That route as browsers reach it; null without. */
  openIdUrl: z.string().nullable().default(null),
});
export type Setup = z.infer<typeof setupSchema>;

/** What an entry of the audit log is about is named by one of these: a parameter of the path, a key of the body, or what the server itself notes. */
export const aboutKeys = [
  ...['action', 'add', 'addTags', 'approve', 'boot', 'bootProfile', 'check', 'disabled', 'driver', 'due', 'enabled'],
  ...['enrolment', 'flag', 'from', 'group', 'id', 'identity', 'image', 'imageVerification', 'jobLimits', 'jobs'],
  ...['kind', 'label', 'machine', 'machines', 'members', 'name', 'reason', 'remove', 'removeTags', 'retries', 'role'],
  ...['rule', 'ruleId', 'rules', 'scenario', 'schedule', 'scripts', 'state', 'useDamaged', 'user', 'wake'],
] as const;
export type AboutKey = (typeof aboutKeys)[number];
export type About = { readonly [Key in AboutKey]?: string };

export const auditEntrySchema = z.object({
  id: z.string(),
  at: z.string(),
  /** A user's name as it was then, or what stands for one (askers.ts). */
  who: z.string(),
  address: z.string(),
  /** `POST /v1/jobs`, `login` */
  action: z.string(),
  /** What the path and the body name: machine, scenario, image, user; never a secret. */
  about: z.record(z.string(), z.string()),
  /** `ok`, or the code of the error. */
  outcome: z.string(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;

/** Newest first; `next` goes on where this page ends. */
export const auditPageSchema = z.object({ entries: z.array(auditEntrySchema), next: z.string().nullable() });
