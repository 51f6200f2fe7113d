// Jobs that two people must agree to: who asked, who agreed or did not, when and why.
import { z } from 'zod';

export const agreementSchema = z.object({
  /** Null when no user asked: the operator token, or a user who is gone. */
  requestedById: z.string().nullable(),
  decision: z.enum(['approved', 'rejected']).nullable(),
  decidedById: z.string().nullable(),
  /** The name as it was then. */
  decidedBy: z.string().nullable(),
  decidedAt: z.iso.datetime().nullable(),
  /** Of a rejection. */
  reason: z.string().nullable(),
});
export type Agreement = z.infer<typeof agreementSchema>;

/** POST /v1/jobs/:id/approve; the check that was looked at, by its id. */
export const approveJobSchema = z.strictObject({ check: z.string().min(1).max(64).default('latest') });

/** POST /v1/jobs/:id/reject */
export const rejectJobSchema = z.strictObject({
  reason: z
    .string()
    .min(1)
    .max(1000)
    .regex(/^[^\p{Cc}]+$/u, 'must not hold control characters'),
});
