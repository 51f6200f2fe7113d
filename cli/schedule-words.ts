// Hours and times of schedules as a person types and reads them.
import { DeployError } from '../protocol/errors.ts';
import type { When, Window } from '../protocol/schedule.ts';

const names = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const everyDay = [1, 2, 3, 4, 5, 6, 7];

/** `mon-fri 22:00-05:00`, `sat,sun 00:00-00:00`, `22:00-05:00` (every day). @throws DeployError usage */
export function parseWindow(text: string, timeZone: string): Window {
  const match = /^(?:([a-z,-]+) +)?(\d\d:\d\d)-(\d\d:\d\d)$/i.exec(text.trim());
  const [, days, from = '', to = ''] = match ?? [];
  if (match === null) throw new DeployError('usage', `--window: '${text}' is not such as 'mon-fri 22:00-05:00'`);
  return { days: days === undefined ? everyDay : parseDays(days), from, to, timeZone };
}

function parseDays(text: string): number[] {
  const days = text
    .toLowerCase()
    .split(',')
    .flatMap((part) => {
      const [first = '', last = first, ...rest] = part.split('-');
      const [from, to] = [names.indexOf(first), names.indexOf(last)];
      if (from < 0 || to < 0 || rest.length > 0) throw new DeployError('usage', `--window: '${part}' is no day`);
      const count = ((to - from + 7) % 7) + 1;
      return Array.from({ length: count }, (_, i) => ((from + i) % 7) + 1);
    });
  return [...new Set(days)].sort((a, b) => a - b);
}

export function describeWindow({ days, from, to, timeZone }: Window): string {
  const which = days.length === 7 ? 'every day' : days.map((day) => names[day - 1]).join(',');
  return `${which} ${from}-${to} ${timeZone}`;
}

export function describeWhen(when: When): string {
  return when.kind === 'once' ? `once at ${when.at}` : `${when.cron} ${when.timeZone}`;
}
