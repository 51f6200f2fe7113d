// A medium made for a server, as it is asked for, and the enrolments by whose secrets its machines are approved.
import { z } from 'zod';
import { kernelArgumentsSchema } from './boot-profile.ts';
import { nameSchema } from './scenario.ts';

/** One word's value on the kernel's command line; what may be in it in detail docs/agent.md says. */
const value = z
  .string()
  .max(512)
  .regex(/^[\x21-\x7e]+$/, 'is no word')
  .refine((text) => !/['"\\$]/.test(text), 'is no word');

/** GET /v1/media/deploy-os.iso?… */
export const mediumQuerySchema = z.strictObject({
  /** Where machines reach the server: `https://ADDRESS:PORT`; as the client has reached it unless given. */
  for: value.regex(/^https:\/\/[^/?#@\\]+$/, 'is not https://ADDRESS:PORT').exactOptional(),
  ip: value.exactOptional(),
  nic: value.exactOptional(),
  vlan: z
    .string()
    .regex(/^\d{1,4}$/, 'is no number')
    .exactOptional(),
  bond: value.exactOptional(),
  /** More words. */
  options: kernelArgumentsSchema.exactOptional(),
});
export type MediumQuery = z.infer<typeof mediumQuerySchema>;

/** The request header with the secret that goes onto the medium: in an address it would end up in logs. */
export const enrolmentHeader = 'deploy-enrolment';

/** `den_`, the enrolment's id, and 192 random bits. */
export const enrolmentSecretPattern = /^den_([0-9a-z]{16})_([\w-]{32})$/;

/** POST /v1/enrolments */
export const enrolmentRequestSchema = z.strictObject({
  label: nameSchema,
  validDays: z.number().positive().max(3650).default(30),
});

const id = z.string().min(1).max(64);
const time = z.iso.datetime();

export const enrolmentSchema = z.object({
  id,
  label: z.string(),
  createdAt: time,
  expiresAt: time,
  /** How often a machine has asked with it, and when last. */
  uses: z.number().int().nonnegative(),
  lastUsedAt: time.nullable(),
});
export type Enrolment = z.infer<typeof enrolmentSchema>;

/** What POST answers: the one time that the secret is shown. */
export const newEnrolmentSchema = enrolmentSchema.extend({ secret: z.string().regex(enrolmentSecretPattern) });
