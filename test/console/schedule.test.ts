import { expect, it } from 'vitest';
import { daysOf, monthAfter, monthOf, rangeOf } from '../../console/pages/schedule/calendar.ts';
import { scheduleTexts } from '../../console/pages/schedule/texts.ts';
import { describeWhen, newWhen, whenOf } from '../../console/pages/schedule/when.ts';

it.each([
  [{}, '0 2 * * *', 'every day at 02:00 (Asia/Tokyo)'],
  [{ kind: 'weekdays', time: '18:05' }, '5 18 * * 1-5', 'Monday to Friday at 18:05 (Asia/Tokyo)'],
  [{ kind: 'weekly', time: '00:30', weekday: 7 }, '30 0 * * 0', 'Sunday at 00:30 (Asia/Tokyo)'],
  [{ kind: 'cron', cron: '*/15 * 1 * *' }, '*/15 * 1 * *', '*/15 * 1 * * (Asia/Tokyo)'],
] as const)('%j is %s, in words %s', (draft, cron, text) => {
  const when = whenOf({ ...newWhen('Asia/Tokyo'), ...draft });
  expect(when).toEqual({ kind: 'cron', cron, timeZone: 'Asia/Tokyo' });
  expect(describeWhen(when, scheduleTexts.en, 'en-GB')).toBe(text);
});

it('a month is whole weeks from Monday on, and every time stands on its day', () => {
  expect([monthAfter('2026-12', 1), monthAfter('2026-01', -1), monthOf(new Date(2026, 10, 30))]).toEqual([
    '2027-01',
    '2025-12',
    '2026-11',
  ]);
  // February 2027 begins on a Monday and has 28 days.
  for (const [month, weeks] of [
    ['2026-11', 6],
    ['2026-12', 5],
    ['2027-02', 4],
  ] as const) {
    const { from, to } = rangeOf(month);
    const dueAt = new Date(from.getFullYear(), from.getMonth(), from.getDate() + 9, 23, 59).toISOString();
    const days = daysOf(month, [{ scheduleId: 's', scheduleName: 'n', dueAt }]);
    expect([days.length, from.getDay(), to.getDay()]).toEqual([weeks * 7, 1, 1]);
    expect(days.flatMap(({ due }, i) => (due.length > 0 ? [i] : []))).toEqual([9]);
    expect(days.filter(({ inMonth }) => inMonth)[0]?.date.getDate()).toBe(1);
  }
});
