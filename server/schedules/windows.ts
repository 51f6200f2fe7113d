// The hours in which jobs of a schedule may begin, by the clock on the wall.
import type { Window } from '../../protocol/schedule.ts';

const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const formats = new Map<string, Intl.DateTimeFormat>();

/** Without any window it is always time. */
export function isInside(windows: readonly Window[], nowMs: number): boolean {
  return windows.length === 0 || windows.some((window) => isIn(window, nowMs));
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
