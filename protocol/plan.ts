// A dry run: what a scenario would do on each machine, by the newest that is known of its disks (`POST /v1/plans`). Nothing is done, and no machine is asked.
import { z } from 'zod';
import { findingSchema } from './agent-messages.ts';
import { checkedDiskSchema } from './disk-check.ts';
import { parameterValuesSchema } from './parameters.ts';
import { stepSchema } from './scenario.ts';
import { scenarioBodySchema } from './scenario-body.ts';

const id = z.string().min(1).max(64);
const time = z.iso.datetime();
const name = z.string().min(1).max(255);
const bytes = z.number().int().nonnegative();

/** More are asked for in several requests. */
export const maxPlannedMachines = 200;

/** POST /v1/plans: a scenario by id or name, or one that is not saved. */
export const planRequestSchema = z
  .strictObject({
    scenario: name.exactOptional(),
    draft: scenarioBodySchema.exactOptional(),
    /** By id or name; or a group's, or both. */
    machines: z.array(name).min(1).max(maxPlannedMachines).exactOptional(),
    group: name.exactOptional(),
    parameters: parameterValuesSchema.exactOptional(),
    /** As a job with it: an image that was found damaged is a warning then, and no refusal. */
    useDamaged: z.boolean().exactOptional(),
  })
  .refine(({ scenario, draft }) => (scenario === undefined) !== (draft === undefined), 'give one of scenario and draft')
  .refine(({ machines, group }) => machines !== undefined || group !== undefined, 'names neither machines nor a group');
export type PlanRequest = z.input<typeof planRequestSchema>;

/** Why a job would be refused: codes are those that the job would fail with (docs/errors.md). */
const refusalSchema = z.object({ code: z.string().max(64), message: z.string(), hint: z.string().exactOptional() });

/** What a person should know first. */
export const planWarningSchema = z.enum([
  ...['machine-not-approved', 'machine-away', 'jobs-waiting', 'no-disk-check', 'disks-not-read', 'disk-check-old'],
  ...['disk-failing', 'hidden-area', 'in-use', 'shrinks', 'image-coming', 'sectors-unknown', 'image-damaged'],
] as const);
const warningSchema = z.object({ code: planWarningSchema, message: z.string() });

const plannedStepSchema = z.object({
  /** Filled in, and for one disk: as the agent would be handed it. */
  step: stepSchema,
  /** `restore 'golden' onto disk 1 /dev/sda (…)` */
  summary: z.string(),
  /** What the selector picks, as the newest check knows it; null where it picks none, and for steps without a disk. */
  disk: checkedDiskSchema.nullable(),
  image: z
    .object({
      id: z.string(),
      name: z.string(),
      createdAt: time,
      sizeBytes: bytes,
      sectorSizeBytes: bytes,
      usedBytes: bytes,
      /** Of the disk that it was captured from. */
      model: z.string().nullable(),
      serial: z.string().nullable(),
    })
    .nullable(),
  /** What of the disk is lost: all of it, or of one partition. */
  overwrites: z.enum(['nothing', 'partition', 'disk']),
  /** Of a restore, the image's used bytes; of a capture, the disk's, as far as known. */
  usedBytes: bytes.nullable(),
  refusals: z.array(refusalSchema),
  warnings: z.array(warningSchema),
  /** What the preflight of a restore says of image and machine (docs/preflight.md). */
  findings: z.array(findingSchema),
});
export type PlannedStep = z.infer<typeof plannedStepSchema>;

/** GET /v1/jobs/:id/plan, and one of many in a plan. */
export const machinePlanSchema = z.object({
  machineId: id,
  machineName: z.string(),
  /** What the plan rests on; null when nothing is known of the machine's disks. */
  check: z.object({ id, at: time, kind: z.enum(['check', 'registration']) }).nullable(),
  overwrites: z.boolean(),
  refused: z.boolean(),
  /** Of the machine or the scenario as a whole; those of a step stand with it. */
  refusals: z.array(refusalSchema),
  warnings: z.array(warningSchema),
  steps: z.array(plannedStepSchema),
});
export type MachinePlan = z.infer<typeof machinePlanSchema>;

export const planSchema = z.object({ scenario: z.string(), machines: z.array(machinePlanSchema) });
export type Plan = z.infer<typeof planSchema>;
export type PlanWarning = z.infer<typeof warningSchema>;
