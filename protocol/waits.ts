// Why a job does not run: a code with values for whoever has words of their own, beside the sentence (`waitsFor`) for whoever has none.
import { z } from 'zod';

export const waitCodeSchema = z.enum([
  ...(['paused', 'second-person', 'window', 'machine-gone', 'machine-not-approved', 'not-before'] as const),
  ...(['job-first', 'machine-away', 'next', 'limit-store', 'limit-server', 'limit-network'] as const),
]);

export const waitSchema = z.object({
  code: waitCodeSchema,
  /** `machine` by name, `job` by id, `at` as a time, `network` as an address with its prefix, `most` as a number. */
  values: z.record(z.string(), z.string()),
});
export type Wait = z.infer<typeof waitSchema>;
