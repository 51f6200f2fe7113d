// One scenario on many machines at once: a batch of jobs, asked for together and looked at together.
import { z } from 'zod';
import { parameterValuesSchema } from './parameters.ts';
import { jobSchema, jobStateSchema, requestKeySchema, retriesSchema } from './rest.ts';

const id = z.string().min(1).max(64);
const name = z.string().min(1).max(255);

/** POST /v1/batches: machines by id or name, a group, or both. */
export const batchRequestSchema = z
  .strictObject({
    scenario: name,
    machines: z.array(name).min(1).max(10_000).exactOptional(),
    group: name.exactOptional(),
    /** The newest disk check of each machine. */
    approve: z.literal('latest').exactOptional(),
    parameters: parameterValuesSchema.exactOptional(),
    retries: retriesSchema.exactOptional(),
    wake: z.boolean().exactOptional(),
    useDamaged: z.boolean().exactOptional(),
    key: requestKeySchema.exactOptional(),
  })
  .refine(({ machines, group }) => machines !== undefined || group !== undefined, 'names neither machines nor a group');
export type BatchRequest = z.infer<typeof batchRequestSchema>;

export const batchSchema = z.object({
  id,
  scenarioId: id,
  scenarioName: z.string(),
  requestedBy: z.string().nullable(),
  createdAt: z.iso.datetime(),
  /** How many of its jobs are in each state, and how many of those are held. */
  counts: z.record(z.enum([...jobStateSchema.options, 'held']), z.number()),
});
export type Batch = z.infer<typeof batchSchema>;

export const batchPageSchema = z.object({ batches: z.array(batchSchema), next: id.nullable() });

/** GET /v1/batches/:id: its jobs without their results. */
export const batchWithJobsSchema = batchSchema.extend({ jobs: z.array(jobSchema) });
