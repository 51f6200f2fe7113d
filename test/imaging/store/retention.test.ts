import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judge, type RetentionPolicy } from '../../../imaging/store/retention.ts';

const at = (createdAt: string) => ({ createdAt });
const kept = (dates: readonly string[], policy: RetentionPolicy) =>
  judge(dates.map(at), policy).flatMap(({ image, reasons }) => (reasons.length > 0 ? [image.createdAt] : []));
const span = { years: 0, months: 0, weeks: 0, days: 0, hours: 0 };

test('the newest of each of the last days that have images stays, days without images do not count', () => {
  const dates = ['2026-11-20T08:00:00Z', '2026-11-20T20:00:00Z', '2026-11-10T01:00:00Z', '2026-11-09T23:00:00Z'];
  expect(kept(dates, { daily: 2 })).toEqual(['2026-11-20T20:00:00Z', '2026-11-10T01:00:00Z']);
});

test('a day begins at midnight UTC, whatever zone this machine is in', () => {
  const dates = ['2026-11-20T00:00:00Z', '2026-11-19T23:59:59.999Z'];
  expect(kept(dates, { daily: 5 })).toEqual(dates);
});

test('a week begins on Monday and belongs to the year of its Thursday', () => {
  // Thursday 31 December 2026 to Sunday 3 January 2027 are of week 53; Monday 4 January begins week 1.
  const [judged] = judge([at('2027-01-03T23:00:00Z')], { weekly: 1 });
  expect(judged?.reasons).toEqual(['weekly 2026-W53']);
  const dates = ['2027-01-04T00:00:00Z', '2027-01-03T23:00:00Z', '2026-12-28T00:00:00Z', '2026-12-27T23:00:00Z'];
  expect(kept(dates, { weekly: 9 })).toEqual(['2027-01-04T00:00:00Z', '2027-01-03T23:00:00Z', '2026-12-27T23:00:00Z']);
});

test('months and years keep their newest image', () => {
  const dates = ['2026-11-02T00:00:00Z', '2026-11-01T00:00:00Z', '2026-10-31T00:00:00Z', '2025-12-31T00:00:00Z'];
  expect(kept(dates, { monthly: 2 })).toEqual([dates[0], dates[2]]);
  expect(kept(dates, { yearly: 2 })).toEqual([dates[0], dates[3]]);
});

test('within counts back from the newest image in calendar units, not from today', () => {
  const dates = ['2020-03-31T12:00:00Z', '2020-02-29T12:00:00Z', '2020-02-29T11:59:59Z'];
  expect(kept(dates, { within: { ...span, months: 1 } })).toEqual(dates.slice(0, 2));
  expect(kept(dates, { within: { ...span, hours: 1 } })).toEqual(dates.slice(0, 1));
});

test('a policy that keeps nothing is refused', () => {
  for (const policy of [{}, { last: 0 }, { daily: 0, yearly: 0 }]) {
    expect(() => judge([at('2026-11-20T00:00:00Z')], policy)).toThrow(/keeps nothing/);
  }
});

const anyDates = fc.array(
  fc
    .date({ min: new Date('2000-01-01'), max: new Date('2040-01-01'), noInvalidDate: true })
    .map((date) => date.toISOString()),
  { minLength: 1, maxLength: 60 },
);
const count = fc.integer({ min: 0, max: 12 });
const anyPolicy = fc
  .record({ last: count, daily: count, weekly: count, monthly: count, yearly: count })
  .filter((policy) => Object.values(policy).some((value) => value > 0));

test('any policy keeps the newest image, at most as many as its counts, and no fewer than a smaller policy', () => {
  fc.assert(
    fc.property(anyDates, anyPolicy, (dates, policy) => {
      const stays = kept(dates, policy);
      expect(stays).toContain(dates.toSorted().at(-1));
      const most = policy.last + policy.daily + policy.weekly + policy.monthly + policy.yearly;
      expect(stays.length).toBeLessThanOrEqual(most);
      const larger = Object.fromEntries(Object.entries(policy).map(([key, value]) => [key, value + 1]));
      expect(kept(dates, larger)).toEqual(expect.arrayContaining(stays));
    }),
  );
});

test('pruning again with the same policy deletes nothing more', () => {
  fc.assert(
    fc.property(anyDates, anyPolicy, (dates, policy) => {
      const stays = kept(dates, policy);
      expect(kept(stays, policy)).toEqual(stays);
    }),
  );
});
