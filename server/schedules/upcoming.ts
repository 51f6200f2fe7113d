// The calendar: every time between two moments at which an enabled schedule is due, and the hours in which its jobs may begin.
import { setImmediate } from 'node:timers/promises';
import type { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import type {
  Hours,
  Preview,
  previewRequestSchema,
  Upcoming,
  upcomingQuerySchema,
  Window,
} from '../../protocol/schedule.ts';
import type { Database } from '../database/schema.ts';
import { checkWhen, listDue, nextDue } from './due-times.ts';
import { listOpen, nextInside } from './windows.ts';

/** Reckoned and answered in all; one schedule that is due each minute leaves room for the others. */
const limit = 2000;
const limitEach = 500;

type Span = { readonly fromMs: number; readonly toMs: number };

const weekMs = 7 * 24 * 3_600_000;
const longestMs = 366 * 24 * 3_600_000;

/** @throws DeployError invalid-input */
export function readSpan({ from, to }: z.infer<typeof upcomingQuerySchema>): Span {
  const fromMs = from === undefined ? Date.now() : Date.parse(from);
  const toMs = to === undefined ? fromMs + weekMs : Date.parse(to);
  if (toMs >= fromMs && toMs - fromMs <= longestMs) return { fromMs, toMs };
  throw new DeployError('invalid-input', '`to` is before `from`, or more than a year after it');
}

/** In order of time; of a schedule that is due very often, the first ones. */
export async function listUpcoming(db: Database, { fromMs, toMs }: Span): Promise<Upcoming> {
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

/** The hours of maintenance in order of time; a schedule without any may begin at all times, and is not in the list. */
export async function listHours(db: Database, { fromMs, toMs }: Span): Promise<Hours> {
  const rows = await db.selectFrom('schedules').selectAll().where('enabled', '=', 1).orderBy('foldedName').execute();
  const each = Math.max(20, Math.min(limitEach, Math.floor(limit / rows.length)));
  const all: Hours = [];
  for (const { id: scheduleId, name: scheduleName, windows } of rows) {
    for (const window of JSON.parse(windows) as Window[]) {
      for (const open of listOpen(window, fromMs, toMs, each)) {
        const [from, to] = [new Date(open.fromMs).toISOString(), new Date(open.toMs).toISOString()];
        all.push({ scheduleId, scheduleName, from, to });
      }
    }
    await setImmediate();
  }
  return all.toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0)).slice(0, limit);
}

/** The next times of what somebody is about to save. @throws DeployError invalid-input for a pattern that is none */
export function previewTimes({ when, windows, count }: z.infer<typeof previewRequestSchema>, nowMs: number): Preview {
  checkWhen(when, nowMs);
  const times: Preview = [];
  for (let at = nextDue(when, nowMs); at !== null && times.length < count; at = nextDue(when, at)) {
    times.push({ dueAt: new Date(at).toISOString(), beginsAt: new Date(nextInside(windows, at)).toISOString() });
  }
  return times;
}
