// One look at the clock: what is due is run or noted as missed. Any number of servers may look at once; time comes in as a parameter.
import type { RunNote } from '../../protocol/schedule.ts';
import type { Database } from '../database/schema.ts';
import { judgeDue, nextDue } from './due-times.ts';
import { noteMissed, runSchedule, type ScheduleContext } from './run-schedule.ts';
import { type ScheduleRow, toFields } from './schedules.ts';

/** @returns the machines that have new jobs */
export async function runDue(context: ScheduleContext, nowMs: number): Promise<string[]> {
  const now = new Date(nowMs).toISOString();
  const due = await context.db
    .selectFrom('schedules')
    .selectAll()
    .where('enabled', '=', 1)
    .where('nextDueAt', '<=', now)
    .execute();
  const jobIds: string[] = [];
  const failures: unknown[] = [];
  for (const row of due) {
    try {
      jobIds.push(...(await runOne(context, row, nowMs)));
    } catch (thrown) {
      // One whose images cannot be asked for keeps no other from its time; it is tried again with the next look.
      failures.push(thrown);
    }
  }
  if (failures.length > 0 && jobIds.length === 0) throw failures[0];
  return findMachines(context.db, jobIds);
}

async function runOne(context: ScheduleContext, row: ScheduleRow, nowMs: number): Promise<string[]> {
  const { when, lateMinutes } = toFields(row);
  const dueMs = Date.parse(row.nextDueAt ?? '');
  const { runMs, missedMs } = judgeDue(when, dueMs, nowMs, lateMinutes);
  const nextMs = { value: nextDue(when, nowMs) };
  const since = missedMs === null ? null : new Date(missedMs).toISOString();
  const notes: RunNote[] = since === null ? [] : [{ code: 'missed', values: { since } }];
  if (runMs !== null) return (await runSchedule(context, row, { dueMs: runMs, nowMs, nextMs, notes }))?.jobIds ?? [];
  if (missedMs !== null) await noteMissed(context, row, { dueMs: missedMs, nowMs, nextMs, notes });
  return [];
}

/** A clock that was far ahead has left times that lie far ahead: what comes sooner, and was not dealt with, is put in their place. */
export async function mendNextTimes({ db }: Pick<ScheduleContext, 'db'>, nowMs: number): Promise<void> {
  const rows = await db.selectFrom('schedules').selectAll().where('enabled', '=', 1).execute();
  for (const row of rows) {
    const { when } = toFields(row);
    let next = nextDue(when, nowMs);
    while (next !== null && isSooner(next, row.nextDueAt) && (await isDone(db, row.id, next)))
      next = nextDue(when, next);
    if (next === null || !isSooner(next, row.nextDueAt)) continue;
    await db
      .updateTable('schedules')
      .set({ nextDueAt: new Date(next).toISOString() })
      .where('id', '=', row.id)
      .where((where) =>
        row.nextDueAt === null ? where('nextDueAt', 'is', null) : where('nextDueAt', '=', row.nextDueAt),
      )
      .execute();
  }
}

function isSooner(ms: number, nextDueAt: string | null): boolean {
  return nextDueAt === null || ms < Date.parse(nextDueAt);
}

async function isDone(db: Database, scheduleId: string, ms: number): Promise<boolean> {
  const dueAt = new Date(ms).toISOString();
  const row = await db
    .selectFrom('scheduleRuns')
    .select('dueAt')
    .where('scheduleId', '=', scheduleId)
    .where('dueAt', '=', dueAt)
    .executeTakeFirst();
  return row !== undefined;
}

async function findMachines(db: Database, jobIds: readonly string[]): Promise<string[]> {
  if (jobIds.length === 0) return [];
  const rows = await db
    .selectFrom('jobs')
    .select('machineId')
    .distinct()
    .where('id', 'in', jobIds.slice(0, 1000))
    .execute();
  return rows.map(({ machineId }) => machineId);
}
