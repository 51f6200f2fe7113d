// The calendar: every time between two moments at which an enabled schedule is due.
import { setImmediate } from 'node:timers/promises';
import type { Upcoming } from '../../protocol/schedule.ts';
import type { Database } from '../database/schema.ts';
import { listDue } from './due-times.ts';

/** Reckoned and answered in all; one schedule that is due each minute leaves room for the others. */
const limit = 2000;
const limitEach = 500;

/** In order of time; of a schedule that is due very often, the first ones. */
export async function listUpcoming(db: Database, fromMs: number, toMs: number): Promise<Upcoming> {
  const rows = await db.selectFrom('schedules').selectAll().where('enabled', '=', 1).orderBy('foldedName').execute();
  const each = Math.max(20, Math.min(limitEach, Math.floor(limit / rows.length)));
  const all: Upcoming = [];
  for (const { id: scheduleId, name: scheduleName, ...row } of rows) {
    for (const atMs of listDue(JSON.parse(row.when), fromMs, toMs, each)) {
      all.push({ scheduleId, scheduleName, dueAt: new Date(atMs).toISOString() });
    }
    // Others are served in between.
    await setImmediate();
  }
  return all.toSorted((a, b) => (a.dueAt < b.dueAt ? -1 : a.dueAt > b.dueAt ? 1 : 0)).slice(0, limit);
}
