// Retention: after a job of a schedule has ended well, those of the schedule's own images that its rules do not keep are deleted.
import { type PrunePlan, planPrune, prune } from '../../imaging/store/prune-images.ts';
import { nameOfSchedule } from '../../protocol/askers.ts';
import { listSelectorImages, selectorOf } from '../../protocol/expand-steps.ts';
import { listPlaceholders } from '../../protocol/parameters.ts';
import type { Step } from '../../protocol/scenario.ts';
import type { Database } from '../database/schema.ts';
import { writeAudit } from '../people/audit-log.ts';
import type { ScheduleContext } from './run-schedule.ts';
import { type ScheduleRow, toFields } from './schedules.ts';

/** Names of the images that were deleted. Two servers that see the same end do this once. */
export async function keepImages(context: ScheduleContext, nowMs: number, signal: AbortSignal): Promise<string[]> {
  const deleted: string[] = [];
  for (const row of await claimEnded(context.db, nowMs)) deleted.push(...(await keepImagesOf(context, row, signal)));
  return deleted;
}

async function claimEnded(db: Database, nowMs: number): Promise<ScheduleRow[]> {
  const ended = await db
    .selectFrom('schedules')
    .selectAll('schedules')
    .where('keep', 'is not', null)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('jobs')
          .select('jobs.id')
          .whereRef('jobs.scheduleId', '=', 'schedules.id')
          .where('jobs.state', '=', 'succeeded')
          .where((job) =>
            job.or([job('schedules.prunedAt', 'is', null), job('jobs.endedAt', '>', job.ref('schedules.prunedAt'))]),
          ),
      ),
    )
    .execute();
  const claimed: ScheduleRow[] = [];
  for (const row of ended) {
    const { numUpdatedRows } = await db
      .updateTable('schedules')
      .set({ prunedAt: new Date(nowMs).toISOString() })
      .where('id', '=', row.id)
      .where((where) => (row.prunedAt === null ? where('prunedAt', 'is', null) : where('prunedAt', '=', row.prunedAt)))
      .executeTakeFirst();
    if (numUpdatedRows === 1n) claimed.push(row);
  }
  return claimed;
}

async function keepImagesOf(
  { db, store, log }: ScheduleContext,
  row: ScheduleRow,
  signal: AbortSignal,
): Promise<string[]> {
  const { keep } = toFields(row);
  if (keep === null) return [];
  const only = await listMade(db, row.id);
  const policy = Object.fromEntries(Object.entries(keep).filter(([, count]) => count !== undefined));
  const plan = await planPrune(store, { policy, groupBy: 'disk', only, signal });
  const spared = sparing(plan, await listNeeded(db));
  await prune(store, spared, signal);
  const names = spared.groups.flatMap(({ remove }) => remove.map(({ name }) => name));
  for (const name of names) {
    const entry = {
      who: nameOfSchedule(row.name),
      address: '',
      action: 'delete image',
      about: { name },
      outcome: 'ok',
    };
    await writeAudit(db, entry);
  }
  if (names.length > 0) log.info({ schedule: row.name, images: names }, 'old images deleted');
  return names;
}

/** What its jobs have captured, whoever captured something of that name before or after: names are taken once. */
async function listMade(db: Database, scheduleId: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('jobs')
    .select('steps')
    .where('scheduleId', '=', scheduleId)
    .where('state', '=', 'succeeded')
    .execute();
  const steps = rows.flatMap(({ steps }) => JSON.parse(steps) as Step[]);
  return new Set(steps.flatMap((step) => (step.kind === 'capture' ? [step.image] : [])));
}

/** What scenarios and jobs that have not ended name to read: patterns, since a scenario's names may be filled in later. */
async function listNeeded(db: Database): Promise<RegExp[]> {
  const scenarios = await db.selectFrom('scenarios').select('steps').execute();
  const jobs = await db.selectFrom('jobs').select('steps').where('state', 'in', ['queued', 'running']).execute();
  const steps = [...scenarios, ...jobs].flatMap(({ steps }) => JSON.parse(steps) as Step[]);
  return [...new Set(steps.flatMap(listRead))].map(patternOf);
}

function listRead(step: Step): string[] {
  const disk = listSelectorImages(selectorOf(step));
  if (step.kind === 'capture') return [...disk, step.parent ?? []].flat();
  if (step.kind === 'restore') return [...disk, step.image, step.was ?? []].flat();
  return disk;
}

function patternOf(name: string): RegExp {
  const escaped = (text: string) => text.replaceAll(/[\\^$.*+?|()[\]{}]/g, '\\$&');
  let source = escaped(name);
  for (const placeholder of listPlaceholders(name)) source = source.replaceAll(escaped(`{${placeholder}}`), '.*');
  return new RegExp(`^${source}$`, 'su');
}

function sparing(plan: PrunePlan, needed: readonly RegExp[]): PrunePlan {
  const isNeeded = (name: string) => needed.some((pattern) => pattern.test(name));
  const groups = plan.groups.map((group) => ({ ...group, remove: group.remove.filter(({ name }) => !isNeeded(name)) }));
  return { ...plan, groups };
}
