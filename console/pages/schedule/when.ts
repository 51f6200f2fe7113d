// When a schedule is due: from what is filled in to what the server takes, and in words.
import type { When } from '../../../protocol/schedule.ts';
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

export function whenOf({ kind, time, weekday, cron, moment, timeZone }: WhenDraft): When {
  if (kind === 'once') return { kind: 'once', at: new Date(moment).toISOString() };
  const [hour, minute] = time.split(':').map(Number);
  const days = { daily: '*', weekdays: '1-5', weekly: String(weekday % 7) };
  return { kind: 'cron', cron: kind === 'cron' ? cron : `${minute} ${hour} * * ${days[kind]}`, timeZone };
}

/** `Sunday`; 1 is Monday, 0 and 7 are Sunday. */
export function nameWeekday(day: number, language: string, style: 'long' | 'short' = 'long'): string {
  // 5 January 2026 was a Monday.
  const date = new Date(Date.UTC(2026, 0, 4 + (day % 7)));
  return new Intl.DateTimeFormat(language, { weekday: style, timeZone: 'UTC' }).format(date);
}

/** The usual ones in words, any other as it is written. */
export function describeWhen(when: When, words: Words, language: string): string {
  if (when.kind === 'once')
    return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(when.at));
  const [, minute = '', hour = '', days = ''] = /^(\d{1,2}) (\d{1,2}) \* \* (\*|1-5|[0-7])$/.exec(when.cron) ?? [];
  const time = `${hour.padStart(2, '0')}:${minute.padStart(2, '0')}`;
  if (days === '*') return `${words.everyDay(time)} (${when.timeZone})`;
  if (days === '1-5') return `${words.mondayToFriday(time)} (${when.timeZone})`;
  if (days !== '') return `${words.everyWeek(nameWeekday(Number(days), language), time)} (${when.timeZone})`;
  return `${when.cron} (${when.timeZone})`;
}
