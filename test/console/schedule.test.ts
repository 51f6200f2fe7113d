import { expect, it } from 'vitest';
import { daysOf, monthAfter, monthOf, rangeOf } from '../../console/pages/schedule/calendar.ts';
import { bodyOf, changesOf, draftOf, newDraft, newWindow } from '../../console/pages/schedule/draft.ts';
import { scheduleTexts } from '../../console/pages/schedule/texts.ts';
import { describeWhen, draftOfWhen, newWhen, whenOf } from '../../console/pages/schedule/when.ts';
import type { Schedule } from '../../protocol/schedule.ts';

it.each([
  [{}, '0 2 * * *', 'every day at 02:00 (Asia/Tokyo)'],
  [{ kind: 'weekdays', time: '18:05' }, '5 18 * * 1-5', 'Monday to Friday at 18:05 (Asia/Tokyo)'],
  [{ kind: 'weekly', time: '00:30', weekday: 7 }, '30 0 * * 0', 'Sunday at 00:30 (Asia/Tokyo)'],
  [{ kind: 'cron', cron: '*/15 * 1 * *' }, '*/15 * 1 * *', '*/15 * 1 * * (Asia/Tokyo)'],
] as const)('%j is %s, in words %s', (draft, cron, text) => {
  const when = whenOf({ ...newWhen('Asia/Tokyo'), ...draft });
  expect(when).toEqual({ kind: 'cron', cron, timeZone: 'Asia/Tokyo' });
  expect(when && describeWhen(when, scheduleTexts.en, 'en-GB')).toBe(text);
  expect(when && draftOfWhen(when, 'UTC')).toMatchObject(draft);
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

it('a schedule that is edited sends what was changed, and what was not filled in is nothing', () => {
  const schedule: Schedule = {
    ...{ id: 's', name: 'nightly', enabled: true, scenarioId: 'c', scenarioName: 'look', group: null },
    machines: [
      { id: 'm1', name: 'web, the first' },
      { id: 'm2', name: null },
    ],
    ...{
      parameters: { disk: '1' },
      when: { kind: 'once', at: '2026-12-24T22:00:30.000Z' },
      windows: [newWindow('UTC')],
    },
    ...{ lateMinutes: 5, overlap: 'queue', keep: { daily: 7 }, wake: false, savedBy: 'ann' },
    ...{ createdAt: '2026-11-01T00:00:00.000Z', nextDueAt: null },
  };
  const before = draftOf(schedule, 'Asia/Tokyo');
  expect(changesOf(before, draftOf(schedule, 'Asia/Tokyo'))).toEqual({});
  const after = draftOf(schedule, 'Asia/Tokyo');
  Object.assign(after, { windows: [], group: 'g', keep: { ...after.keep, daily: null } });
  expect(changesOf(before, after)).toEqual({ windows: [], group: 'g', keep: null });
  expect(schedule.windows.length).toBe(1);
  expect(bodyOf({ ...newDraft('UTC'), name: 'n', scenario: 'c', machines: 'a、 b,' })).toEqual({
    ...{ name: 'n', scenario: 'c', machines: ['a', 'b'], when: { kind: 'cron', cron: '0 2 * * *', timeZone: 'UTC' } },
    ...{ windows: [], lateMinutes: 0, overlap: 'skip', keep: null, wake: true },
  });
  expect([whenOf({ ...newWhen('UTC'), kind: 'once' }), whenOf({ ...newWhen('UTC'), time: '' })]).toEqual([null, null]);
});

it('windows with the same hours share a line on the day on which they open', () => {
  const at = (day: number, hour: number) => new Date(2026, 10, day, hour).toISOString();
  const hours = ['a', 'b'].map((name) => ({ scheduleId: name, scheduleName: name, from: at(12, 22), to: at(13, 5) }));
  const days = daysOf(
    '2026-11',
    [],
    [...hours, { scheduleId: 'c', scheduleName: 'c', from: at(12, 23), to: at(13, 5) }],
  );
  const opening = days.filter(({ open }) => open.length > 0);
  expect(opening.map(({ date, open }) => [date.getDate(), open.map(({ names }) => names)])).toEqual([
    [12, [['a', 'b'], ['c']]],
  ]);
});
