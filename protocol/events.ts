// Live events (`GET /v1/events`, WebSocket): what a client asks to hear of, and what it is told, each second, as JSON.
import { z } from 'zod';
import { imageCheckSchema } from './image-check.ts';
import { jobProgressSchema, jobSchema, logEntrySchema, machineSchema } from './rest.ts';

const id = z.string().min(1).max(64);

/** A client says what it watches, and says it anew when that changes; what it does not name it does not hear of. */
export const watchRequestSchema = z.strictObject({
  type: z.literal('watch'),
  machines: z.boolean().default(false),
  jobs: z.boolean().default(false),
  /** Checks of images. */
  imageChecks: z.boolean().default(false),
  /** One job, with its log. */
  job: id.nullable().default(null),
});
export type WatchRequest = z.infer<typeof watchRequestSchema>;

/** A machine without what is large: that is read by REST when somebody looks at it. */
const machineEventSchema = machineSchema.omit({ inventory: true }).extend({ type: z.literal('machine') });

/** A job without its results. */
const jobEventSchema = jobSchema.omit({ results: true, progress: true }).extend({ type: z.literal('job') });

const numberedEntrySchema = logEntrySchema.extend({ number: z.number().int() });

export const eventSchema = z.discriminatedUnion('type', [
  /** The answer to `watch`: what changes from now on is told. Whoever reads lists reads them after this. */
  z.object({ type: z.literal('watching') }),
  machineEventSchema,
  z.object({ type: z.literal('machineGone'), id }),
  jobEventSchema,
  z.object({ type: z.literal('jobGone'), id }),
  imageCheckSchema.omit({ found: true }).extend({ type: z.literal('imageCheck') }),
  z.object({ type: z.literal('imageCheckGone'), id }),
  z.object({ type: z.literal('progress'), jobId: id, progress: jobProgressSchema }),
  /** First the newest entries that are there. A gap in the numbers: the client was too slow for what lies between. */
  z.object({ type: z.literal('log'), jobId: id, entries: z.array(numberedEntrySchema) }),
  /** Something was missed: read the lists again. */
  z.object({ type: z.literal('resync') }),
]);
export type Event = z.infer<typeof eventSchema>;

/** One frame. */
export const eventsSchema = z.array(eventSchema);
