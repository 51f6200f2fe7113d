// Schedules: which scenario runs when, on which machines, within which hours, and how many of its images are kept.
import { z } from 'zod';
import { parameterValuesSchema } from './parameters.ts';
import { nameSchema } from './scenario.ts';

const id = z.string().min(1).max(64);
const time = z.iso.datetime();

/** An IANA name, as `Europe/Berlin`. */
export const timeZoneSchema = z.string().min(1).max(64).refine(isTimeZone, 'is no time zone such as Europe/Berlin');

/** By the clock on the wall of the time zone, five fields (minute, hour, day, month, weekday), or once. */
export const whenSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('cron'),
    cron: z
      .string()
      .max(128)
      .transform((text) => text.trim().replaceAll(/\s+/g, ' ')),
    timeZone: timeZoneSchema,
  }),
  z.strictObject({ kind: z.literal('once'), at: time }),
]);
export type When = z.infer<typeof whenSchema>;

const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is not HH:MM');

/** Hours in which jobs may begin; what has begun goes on. One that ends before it begins ends on the next day. */
export const windowSchema = z.strictObject({
  /** On which it begins: 1 is Monday. */
  days: z.array(z.number().int().min(1).max(7)).min(1).max(7),
  from: clock,
  to: clock,
  timeZone: timeZoneSchema,
});
export type Window = z.infer<typeof windowSchema>;

const count = z.number().int().min(1).max(100_000).exactOptional();

/** Which of its own images a schedule keeps, of each disk: as `store prune` does. */
export const keepSchema = z
  .strictObject({ last: count, daily: count, weekly: count, monthly: count, yearly: count })
  .refine((keep) => Object.keys(keep).length > 0, 'keeps nothing');
export type Keep = z.infer<typeof keepSchema>;

const fields = {
  name: nameSchema,
  enabled: z.boolean(),
  /** By id or by name. */
  scenario: nameSchema,
  /** Machines by id or by name. */
  machines: z.array(nameSchema).min(1).max(10_000).exactOptional(),
  /** Or all that are in this group when it is time. */
  group: nameSchema.exactOptional(),
  parameters: parameterValuesSchema,
  when: whenSchema,
  windows: z.array(windowSchema).max(16),
  /** For how long after its time a run that was missed is still made up for, once; 0: not at all. */
  lateMinutes: z
    .number()
    .int()
    .min(0)
    .max(7 * 24 * 60),
  /** On a machine whose job of the time before has not ended: none this time, or one after it. */
  overlap: z.enum(['skip', 'queue']),
  keep: keepSchema.nullable(),
  /** Turn on machines that have a power driver. */
  wake: z.boolean(),
};

/** POST /v1/schedules */
export const scheduleBodySchema = z
  .strictObject({
    ...fields,
    enabled: fields.enabled.default(true),
    parameters: fields.parameters.default({}),
    windows: fields.windows.default([]),
    lateMinutes: fields.lateMinutes.default(0),
    overlap: fields.overlap.default('skip'),
    keep: fields.keep.default(null),
    wake: fields.wake.default(true),
  })
  .refine(hasOneTarget, 'wants either machines or a group');
export type ScheduleBody = z.infer<typeof scheduleBodySchema>;

/** PATCH /v1/schedules/:id: what is not named stays; machines take the place of a group, and a group that of machines. */
export const schedulePatchSchema = z
  .strictObject({
    name: fields.name.exactOptional(),
    enabled: fields.enabled.exactOptional(),
    scenario: fields.scenario.exactOptional(),
    machines: fields.machines,
    group: fields.group,
    parameters: fields.parameters.exactOptional(),
    when: fields.when.exactOptional(),
    windows: fields.windows.exactOptional(),
    lateMinutes: fields.lateMinutes.exactOptional(),
    overlap: fields.overlap.exactOptional(),
    keep: fields.keep.exactOptional(),
    wake: fields.wake.exactOptional(),
  })
  .refine(({ machines, group }) => machines === undefined || group === undefined, 'wants either machines or a group');
export type SchedulePatch = z.infer<typeof schedulePatchSchema>;

export const scheduleSchema = z.object({
  id,
  name: z.string(),
  enabled: z.boolean(),
  scenarioId: id,
  /** Null when it was deleted: the schedule then runs nothing. */
  scenarioName: z.string().nullable(),
  machines: z.array(z.object({ id, name: z.string().nullable() })).nullable(),
  group: z.object({ id, name: z.string().nullable() }).nullable(),
  parameters: z.record(z.string(), z.string()),
  when: whenSchema,
  windows: z.array(windowSchema),
  lateMinutes: z.number(),
  overlap: z.enum(['skip', 'queue']),
  keep: keepSchema.nullable(),
  wake: z.boolean(),
  /** Who made it or changed it last: its jobs count as asked for by them. */
  savedBy: z.string(),
  createdAt: time,
  /** Null when it is disabled, or never comes again. */
  nextDueAt: time.nullable(),
});
export type Schedule = z.infer<typeof scheduleSchema>;

/** What became of a time: a code with values for whoever has words of their own, beside the sentences (`message`) for whoever has none. */
export const runNoteSchema = z.object({
  code: z.enum(['asked-by', 'missed', 'refused', 'busy', 'machines-gone', 'no-machines', 'more']),
  /** `machine` by name (of `refused`: none where it is the schedule that is refused), `since` as a time, `count` as a number, `who` by name, `error` as a code with its `message`. */
  values: z.record(z.string(), z.string()),
});
export type RunNote = z.infer<typeof runNoteSchema>;

/** GET /v1/schedules/:id/runs, newest first */
export const scheduleRunSchema = z.object({
  dueAt: time,
  at: time,
  outcome: z.enum(['started', 'skipped', 'missed', 'failed']),
  /** What became of it, in words. */
  message: z.string(),
  /** The same by codes; none of times before the server knew them. */
  notes: z.array(runNoteSchema),
  jobIds: z.array(id),
});
export type ScheduleRun = z.infer<typeof scheduleRunSchema>;

/** GET /v1/schedules/upcoming?from=&to=: by default the seven days to come, at most 366; in order of time. Of one that is due very often, the first ones only. */
export const upcomingQuerySchema = z.object({ from: time.optional(), to: time.optional() });
export const upcomingSchema = z.array(z.object({ scheduleId: id, scheduleName: z.string(), dueAt: time }));
export type Upcoming = z.infer<typeof upcomingSchema>;

/** GET /v1/schedules/hours?from=&to=: as `upcoming`; the maintenance windows of enabled schedules, each time that they are open, in order of time. */
export const hoursSchema = z.array(z.object({ scheduleId: id, scheduleName: z.string(), from: time, to: time }));
export type Hours = z.infer<typeof hoursSchema>;

/** POST /v1/schedules/preview: the next times of what is not saved yet, and when jobs may begin then. */
export const previewRequestSchema = z.strictObject({
  when: whenSchema,
  windows: fields.windows.default([]),
  count: z.number().int().min(1).max(50).default(5),
});
export const previewSchema = z.array(z.object({ dueAt: time, beginsAt: time }));
export type Preview = z.infer<typeof previewSchema>;

function hasOneTarget({ machines, group }: { machines?: string[]; group?: string }): boolean {
  return (machines === undefined) !== (group === undefined);
}

function isTimeZone(name: string): boolean {
  // Offsets, which some versions of Node take, know no daylight saving.
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
