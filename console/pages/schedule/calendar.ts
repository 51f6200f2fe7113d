// A month as whole weeks from Monday on, in the browser's time zone.
import type { Hours, Upcoming } from '../../../protocol/schedule.ts';

/** A window that opens that day, and whose it is. */
type Open = { readonly from: string; readonly to: string; readonly names: readonly string[] };
export type Day = {
  readonly date: Date;
  readonly inMonth: boolean;
  readonly due: Upcoming;
  readonly open: readonly Open[];
};

/** `2026-11` and a step: `2026-12` */
export function monthAfter(month: string, by: number): string {
  const date = new Date(firstOf(month));
  date.setMonth(date.getMonth() + by);
  return monthOf(date);
}

export function monthOf(date: Date): string {
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}`;
}

export function firstOf(month: string): Date {
  const [year = 0, number = 1] = month.split('-').map(Number);
  return new Date(year, number - 1, 1);
}

/** The Monday on or before the first, and the Monday after the last. */
export function rangeOf(month: string): { from: Date; to: Date } {
  const first = firstOf(month);
  const from = new Date(first.getFullYear(), first.getMonth(), 1 - ((first.getDay() + 6) % 7));
  const next = new Date(first.getFullYear(), first.getMonth() + 1, 1);
  const days = Math.ceil((next.getTime() - from.getTime()) / 86_400_000 / 7) * 7;
  return { from, to: new Date(from.getFullYear(), from.getMonth(), from.getDate() + days) };
}

export function daysOf(month: string, upcoming: Upcoming, hours: Hours = []): Day[] {
  const { from, to } = rangeOf(month);
  const days: Day[] = [];
  for (let date = from; date < to; date = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1)) {
    const next = new Date(date.getFullYear(), date.getMonth(), date.getDate() + 1);
    const isThen = (moment: string) => Date.parse(moment) >= date.getTime() && Date.parse(moment) < next.getTime();
    const due = upcoming.filter(({ dueAt }) => isThen(dueAt));
    const open = joinHours(hours.filter((window) => isThen(window.from)));
    days.push({ date, inMonth: monthOf(date) === month, due, open });
  }
  return days;
}

/** Schedules with the same hours share a line. */
function joinHours(hours: Hours): Open[] {
  const lines = Map.groupBy(hours, ({ from, to }) => `${from} ${to}`);
  return [...lines.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [{ from: first.from, to: first.to, names: same.map((one) => one.scheduleName) }];
  });
}
