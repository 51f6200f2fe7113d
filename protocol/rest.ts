// The REST API's bodies (`/v1/…`, JSON), as the command line and the console use them; docs/protocol.md lists the routes.
import { z } from 'zod';
import { stepResultSchema } from './agent-messages.ts';
import { approvedDiskSchema } from './approval.ts';
import { differenceSchema } from './disk-check.ts';
import { imageHealthSchema } from './image-check.ts';
import { inventorySchema } from './inventory.ts';
import { parameterValuesSchema } from './parameters.ts';
import { endActionSchema, nameSchema, stepSchema } from './scenario.ts';
import { scenarioPartsSchema } from './scenario-body.ts';
import { agreementSchema } from './second-person.ts';
import { waitSchema } from './waits.ts';

const id = z.string().min(1).max(64);
const time = z.iso.datetime();

const machineStateSchema = z.enum(['pending', 'approved']);

export const machineSchema = z.object({
  id,
  name: z.string(),
  state: machineStateSchema,
  online: z.boolean(),
  lastSeenAt: time.nullable(),
  /** What a person has set; null: as the rules of the profiles say. */
  bootProfileId: id.nullable().default(null),
  /** Where it asked from last. */
  address: z.string().nullable().default(null),
  tags: z.array(z.string()).default([]),
  groups: z.array(z.object({ id, name: z.string() })).default([]),
  inventory: inventorySchema.nullable(),
});
export type Machine = z.infer<typeof machineSchema>;

/** Two machines that say the same of themselves. */
export const machineConflictSchema = z.object({
  kind: z.enum(['uuid', 'mac']),
  value: z.string(),
  with: z.object({ id, name: z.string() }),
});
export type MachineConflict = z.infer<typeof machineConflictSchema>;

/** GET /v1/machines/:id: also by what it is known, who else claims the same, and which groups it was put into. */
export const oneMachineSchema = machineSchema.extend({
  /** `uuid:…`, `serial:…` and `mac:…` */
  identities: z.array(z.string()).default([]),
  conflicts: z.array(machineConflictSchema).default([]),
  /** Those of its groups that it was put into; it is in the others only as their rules fit it. */
  fixedGroupIds: z.array(id).default([]),
});
export type OneMachine = z.infer<typeof oneMachineSchema>;

/** POST /v1/machines/:id/merge: the machine, by id or name, that is the same one; its record goes into this. */
export const machineMergeSchema = z.strictObject({ from: nameSchema });

const tagsSchema = z.array(nameSchema).max(100);

/** PATCH /v1/machines/:id; a boot profile by id or name, null: as the rules say. */
export const machinePatchSchema = z.object({
  state: z.literal('approved').optional(),
  name: nameSchema.optional(),
  bootProfile: nameSchema.nullable().optional(),
  addTags: tagsSchema.optional(),
  removeTags: tagsSchema.optional(),
});

/** GET /v1/machines?…: in order of name; those after the name `after`, at most `limit`. */
export const machineQuerySchema = z.object({
  /** Words that all stand in its name, MAC and other addresses, serial number, model, UUID, id or tags. */
  search: z.string().max(255).optional(),
  group: z.string().max(255).optional(),
  tag: z.string().max(255).optional(),
  state: machineStateSchema.optional(),
  online: z.stringbool({ truthy: ['true'], falsy: ['false'] }).optional(),
  after: z.string().max(255).optional(),
  limit: z.coerce.number().int().min(1).max(1000).optional(),
});
export type MachineQuery = z.infer<typeof machineQuerySchema>;

export const scenarioSchema = scenarioPartsSchema.extend({
  id,
  createdAt: time,
  updatedAt: time.nullable().default(null),
});
export type Scenario = z.infer<typeof scenarioSchema>;

/** PATCH /v1/scenarios/:id: what is given takes the place of what is there; the whole is looked at again. */
export const scenarioPatchSchema = z
  .strictObject({ name: z.unknown(), parameters: z.unknown(), steps: z.unknown(), end: z.unknown() })
  .partial();

/** POST /v1/boot-token: what tells machines apart, as its firmware and its NICs say it. */
export const bootTokenRequestSchema = z.strictObject({
  uuid: z.string().max(128).nullable(),
  macs: z.array(z.string().max(64)).max(256),
  /** Of an enrolment (medium.ts), by which the machine is approved; one that is not good (any more) does no harm. */
  secret: z.string().max(128).exactOptional(),
});
export type BootTokenRequest = z.infer<typeof bootTokenRequestSchema>;
export const bootTokenSchema = z.object({ token: z.string().max(512) });

/** Whoever asks again with the same key gets what was made the first time. */
export const requestKeySchema = z.string().regex(/^[\x21-\x7e]{1,128}$/, 'must be 1 to 128 printable characters');
/** How often a job is tried again by itself after an error that is worth it. */
export const retriesSchema = z.number().int().min(0).max(5);

/** POST /v1/jobs: both by id or by name. */
export const jobRequestSchema = z.strictObject({
  scenario: z.string().min(1).max(255),
  machine: z.string().min(1).max(255),
  /** The id of the machine's newest disk check, or `latest`: the job touches nothing when the disks are others. */
  approve: id.exactOptional(),
  /** Values of the scenario's parameters. */
  parameters: parameterValuesSchema.exactOptional(),
  retries: retriesSchema.exactOptional(),
  /** Turn the machine on by its power driver, if it is not there. */
  wake: z.boolean().exactOptional(),
  /** Restore images, too, whose last verify has found them damaged. */
  useDamaged: z.boolean().exactOptional(),
  key: requestKeySchema.exactOptional(),
});

/** POST /v1/jobs/:id/retry; nothing of it needs to be said. */
export const retryRequestSchema = z.strictObject({ useDamaged: z.boolean().exactOptional() });

export const jobStateSchema = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']);
export type JobState = z.infer<typeof jobStateSchema>;

/** A job that waits with a hold is not handed out; one that runs stands still: by a person, until another one agrees, or until its hours. */
export const jobHoldSchema = z.enum(['paused', 'second-person', 'window']);
export type JobHold = z.infer<typeof jobHoldSchema>;

export const jobProgressSchema = z.object({
  step: z.number().int().nonnegative(),
  phase: z.string(),
  bytesDone: z.number(),
  bytesTotal: z.number(),
  bytesTransferred: z.number(),
  bytesPerSecond: z.number(),
});

/** What a step's agent said, and of a check how the disks differ from those of the time before: those that are warnings of the step, each with its message there. */
export const jobResultSchema = stepResultSchema.extend({ differences: z.array(differenceSchema).exactOptional() });
export type JobResult = z.infer<typeof jobResultSchema>;

export const jobSchema = z.object({
  id,
  scenarioId: id,
  scenarioName: z.string(),
  machineId: id,
  machineName: z.string(),
  state: jobStateSchema,
  cancelRequested: z.boolean(),
  held: jobHoldSchema.nullable().default(null),
  /** Of a job that waits or stands still: why, in a sentence. */
  waitsFor: z.string().nullable().default(null),
  /** The same as a code with values. */
  wait: waitSchema.nullable().default(null),
  createdAt: time,
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  progress: jobProgressSchema.nullable(),
  results: z.array(jobResultSchema),
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }).nullable(),
  /** The disk check that was approved when it was asked for. */
  approvedCheckId: id.nullable(),
  /** The values of the scenario's parameters. */
  parameters: z.record(z.string(), z.string()).default({}),
  requestedBy: z.string().nullable().default(null),
  /** Of a job that two people must agree to. */
  agreement: agreementSchema.nullable().default(null),
  batchId: id.nullable().default(null),
  /** The job that this one does again. */
  retryOf: id.nullable().default(null),
  /** How often it is tried again by itself. */
  retries: z.number().int().nonnegative().default(0),
  /** Of the schedule that asked for it. */
  scheduleId: id.nullable().default(null),
  notBefore: time.nullable().default(null),
});
export type Job = z.infer<typeof jobSchema>;

/** GET /v1/jobs/:id/log */
export const logEntrySchema = z.object({ at: time, level: z.enum(['info', 'warning', 'error']), message: z.string() });

/** GET /v1/jobs/:id/throughput: at most 240 figures from its start on, the last at most 15 seconds old while it runs. */
export const jobThroughputSchema = z.object({
  /** They are at least so far apart. */
  everyMs: z.number(),
  /** Milliseconds since 1970 by the server's clock. */
  points: z.array(z.object({ atMs: z.number(), bytesPerSecond: z.number() })),
});
export type JobThroughput = z.infer<typeof jobThroughputSchema>;

/** GET /v1/jobs/:id/report: all that is kept of a job. */
export const jobReportSchema = jobSchema.extend({
  steps: z.array(stepSchema),
  end: endActionSchema,
  handOuts: z.number().int().nonnegative(),
  approvedDisks: z.array(approvedDiskSchema).nullable(),
  log: z.array(logEntrySchema),
  throughput: jobThroughputSchema.nullable().default(null),
});
export type JobReport = z.infer<typeof jobReportSchema>;

/** GET /v1/images */
export const imageEntrySchema = z.object({
  id: z.string(),
  name: z.string(),
  sizeBytes: z.number(),
  createdAt: z.string(),
  /** Of an encrypted image: the data key that opens it. */
  keyId: z.string().exactOptional(),
  /** The image that it was captured with as its parent, which may be deleted by now; of an encrypted image nobody but its key knows. */
  parentId: z.string().exactOptional(),
  health: imageHealthSchema,
});

/** GET /v1/store/stats */
export const storeStatsSchema = z.object({ images: z.number(), chunks: z.number(), storedBytes: z.number() });

/** POST /v1/store/full-stats */
export const fullStatsRequestSchema = z.strictObject({});

/** POST /v1/store/gc */
export const garbageRequestSchema = z.strictObject({ olderThanMs: z.number().nonnegative(), dryRun: z.boolean() });

const fraction = z.number().min(0).max(1);

/** POST /v1/store/check; `part` is a range of the digests. */
export const storeCheckRequestSchema = z.strictObject({
  repair: z.boolean().default(false),
  part: z.strictObject({ from: fraction, to: fraction }).exactOptional(),
});

export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/);

/** POST /v1/chunks/missing: which of these does the store lack? The answer keeps their order. */
export const missingRequestSchema = z.object({ digests: z.array(digestSchema).max(65_536) });
export const missingAnswerSchema = z.object({ missing: z.array(digestSchema) });

/** PUT /v1/images/NAME and PUT /v1/keys/ID */
export const storedImageSchema = z.object({ name: z.string() });
export const storedKeySchema = z.object({ id: z.string() });

/** GET /v1/keys: base64 */
export const wrappedKeysSchema = z.object({ keys: z.array(z.string()) });

/** GET /v1/health */
export const healthSchema = z.object({ status: z.literal('ok'), version: z.string() });

/** GET /v1/ready */
export const readinessSchema = z.object({
  status: z.enum(['ready', 'not-ready']),
  checks: z.array(
    z.object({
      name: z.enum(['database', 'store', 'disk', 'dnsmasq']),
      ok: z.boolean(),
      reason: z.string().exactOptional(),
    }),
  ),
});
export type Readiness = z.infer<typeof readinessSchema>;

/** Every answer with status ≥ 400. */
export const errorAnswerSchema = z.object({
  error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }),
});
