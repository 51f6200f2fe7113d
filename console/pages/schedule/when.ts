// When a schedule is due: from what is filled in to what the server takes and back, and in words.
import type { When, Window } from '../../../protocol/schedule.ts';
import type { scheduleTexts } from './texts.ts';

export const kinds = ['daily', 'weekdays', 'weekly', 'cron', 'once'] as const;
export type WhenDraft = {
  kind: (typeof kinds)[number];
  /** `02:30` */
  time: string;
  /** 1 is Monday. */
  weekday: number;
  cron: string;
  /** As the browser's field has it, in its own time zone: `2026-12-01T02:30`. */
  moment: string;
  timeZone: string;
};
type Words = (typeof scheduleTexts)['ja'];

export function newWhen(timeZone: string): WhenDraft {
  return { kind: 'daily', time: '02:00', weekday: 7, cron: '0 2 * * *', moment: '', timeZone };
}

/** A schedule's as it is filled in; `timeZone` is for what has none. */
export function draftOfWhen(when: When, timeZone: string): WhenDraft {
  if (when.kind === 'once') return { ...newWhen(timeZone), kind: 'once', moment: localMoment(new Date(when.at)) };
  const draft = { ...newWhen(when.timeZone), cron: when.cron };
  const usual = readUsual(when.cron);
  if (usual === null) return { ...draft, kind: 'cron' };
  const { time, days } = usual;
  if (days === '*') return { ...draft, kind: 'daily', time };
  if (days === '1-5') return { ...draft, kind: 'weekdays', time };
  return { ...draft, kind: 'weekly', time, weekday: Number(days) || 7 };
}

function localMoment(date: Date): string {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}

/** Null while it is not filled in. */
export function whenOf({ kind, time, weekday, cron, moment, timeZone }: WhenDraft): When | null {
  if (kind === 'once') return moment === '' ? null : { kind: 'once', at: new Date(moment).toISOString() };
  if (kind === 'cron') return { kind: 'cron', cron, timeZone };
  if (time === '') return null;
  const [hour, minute] = time.split(':').map(Number);
  const days = { daily: '*', weekdays: '1-5', weekly: String(weekday % 7) };
  return { kind: 'cron', cron: `${minute} ${hour} * * ${days[kind]}`, timeZone };
}

/** `Sunday`; 1 is Monday, 0 and 7 are Sunday. */
export function nameWeekday(day: number, language: string, style: 'long' | 'short' = 'long'): string {
  // 5 January 2026 was a Monday.
  const date = new Date(Date.UTC(2026, 0, 4 + (day % 7)));
  return new Intl.DateTimeFormat(language, { weekday: style, timeZone: 'UTC' }).format(date);
}

/** Patterns that the form has fields for. */
function readUsual(cron: string): { time: string; days: string } | null {
  const [, minute = '', hour = '', days = ''] = /^(\d{1,2}) (\d{1,2}) \* \* (\*|1-5|[0-7])$/.exec(cron) ?? [];
  return days === '' ? null : { days, time: `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}` };
}

/** The usual ones in words, any other as it is written. */
export function describeWhen(when: When, words: Words, language: string): string {
  if (when.kind === 'once')
    return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(when.at));
  const usual = readUsual(when.cron);
  if (usual === null) return `${when.cron} (${when.timeZone})`;
  const { time, days } = usual;
  if (days === '*') return `${words.everyDay(time)} (${when.timeZone})`;
  if (days === '1-5') return `${words.mondayToFriday(time)} (${when.timeZone})`;
  return `${words.everyWeek(nameWeekday(Number(days), language), time)} (${when.timeZone})`;
}

/** `only Mon, Tue 22:00–05:00`, with the zone */
export function describeWindow({ days, from, to, timeZone }: Window, words: Words, language: string): string {
  const names = days.toSorted((a, b) => a - b).map((day) => nameWeekday(day, language, 'short'));
  return words.onlyWithin(days.length === 7 ? [words.daily] : names, `${from}–${to}`, timeZone);
}
