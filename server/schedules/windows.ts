// The hours in which jobs of a schedule may begin, by the clock on the wall.
import type { When, Window } from '../../protocol/schedule.ts';
import { listDue, nextDue } from './due-times.ts';

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const formats = new Map<string, Intl.DateTimeFormat>();

/** Without any window it is always time. */
export function isInside(windows: readonly Window[], nowMs: number): boolean {
  return windows.length === 0 || windows.some((window) => isIn(window, nowMs));
}

/** `fromMs`, or the first moment after it at which one of the windows opens. One that the clock leaps over does not open that day. */
export function nextInside(windows: readonly Window[], fromMs: number): number {
  let at = fromMs;
  while (!isInside(windows, at)) {
    const opens = windows.flatMap((window) => nextDue(openingOf(window), at) ?? []);
    at = Math.min(...opens);
  }
  return at;
}

const dayMs = 24 * 3_600_000;

/** The times at which a window that is open at some moment between the two opens and closes, at most `limit`. */
export function listOpen(
  window: Window,
  fromMs: number,
  toMs: number,
  limit: number,
): { fromMs: number; toMs: number }[] {
  const { to, timeZone } = window;
  const closing = everyDayAt(to, '*', timeZone);
  return listDue(openingOf(window), fromMs - dayMs, toMs, limit + 2)
    .filter((opensMs) => isIn(window, opensMs))
    .map((opensMs) => ({ fromMs: opensMs, toMs: nextDue(closing, opensMs) ?? opensMs }))
    .filter((open) => open.toMs > fromMs)
    .slice(0, limit);
}

function openingOf({ days, from, timeZone }: Window): When {
  return everyDayAt(from, days.join(','), timeZone);
}

function everyDayAt(clock: string, days: string, timeZone: string): When {
  const [hour, minute] = clock.split(':').map(Number);
  return { kind: 'cron', cron: `${minute} ${hour} * * ${days}`, timeZone };
}

function isIn({ days, from, to, timeZone }: Window, nowMs: number): boolean {
  const { day, clock } = readClock(timeZone, nowMs);
  const yesterday = day === 1 ? 7 : day - 1;
  if (from < to) return days.includes(day) && clock >= from && clock < to;
  return (days.includes(day) && clock >= from) || (days.includes(yesterday) && clock < to);
}

function readClock(timeZone: string, nowMs: number): { day: number; clock: string } {
  const format = formats.get(timeZone) ?? makeFormat(timeZone);
  const parts = new Map(format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
  const day = weekdays.indexOf(parts.get('weekday') ?? '') + 1;
  return { day, clock: `${parts.get('hour')}:${parts.get('minute')}` };
}

function makeFormat(timeZone: string): Intl.DateTimeFormat {
  const format = new Intl.DateTimeFormat('en-GB', {
    ...{ timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' },
  });
  formats.set(timeZone, format);
  return format;
}
