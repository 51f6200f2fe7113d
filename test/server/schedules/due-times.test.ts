import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { When, Window } from '../../../protocol/schedule.ts';
import { checkWhen, judgeDue, listDue, nextDue } from '../../../server/schedules/due-times.ts';
import { isInside, listOpen, nextInside } from '../../../server/schedules/windows.ts';

const cron = (pattern: string, timeZone = 'UTC'): When => ({ kind: 'cron', cron: pattern, timeZone });
const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().slice(5, 16));

describe('a time by the clock on the wall', () => {
  // Each: the times that follow `from`, in UTC. What daylight saving does to them is tzdata's.
  it.each([
    [
      'before and after the clock goes forward',
      'Europe/Berlin',
      '30 1 * * *',
      '2026-03-28T12:00Z',
      ['03-29T00:30', '03-29T23:30'],
    ],
    [
      'that does not exist is the first that does',
      'Europe/Berlin',
      '30 2 * * *',
      '2026-03-28T12:00Z',
      ['03-29T01:00', '03-30T00:30'],
    ],
    [
      'that comes twice counts once',
      'Europe/Berlin',
      '30 2 * * *',
      '2026-10-24T12:00Z',
      ['10-25T00:30', '10-26T01:30'],
    ],
    [
      'of a list that comes twice counts once',
      'Europe/Berlin',
      '0,30 2 * * *',
      '2026-10-24T12:00Z',
      ['10-25T00:00', '10-25T00:30', '10-26T01:00'],
    ],
    [
      'of every hour follows real time',
      'Europe/Berlin',
      '30 * * * *',
      '2026-10-25T00:00Z',
      ['10-25T00:30', '10-25T01:30', '10-25T02:30'],
    ],
    [
      'of every hour skips none when the clock goes forward',
      'Europe/Berlin',
      '0 * * * *',
      '2026-03-29T00:00Z',
      ['03-29T01:00', '03-29T02:00'],
    ],
    [
      'that does not exist (New York)',
      'America/New_York',
      '30 2 * * *',
      '2026-03-07T12:00Z',
      ['03-08T07:00', '03-09T06:30'],
    ],
    [
      'that comes twice (New York)',
      'America/New_York',
      '30 1 * * *',
      '2026-10-31T12:00Z',
      ['11-01T05:30', '11-02T06:30'],
    ],
    ['without daylight saving (Tokyo)', 'Asia/Tokyo', '0 3 * * *', '2026-03-28T12:00Z', ['03-28T18:00', '03-29T18:00']],
    [
      'half an hour that does not exist (Lord Howe)',
      'Australia/Lord_Howe',
      '15 2 * * *',
      '2026-10-03T12:00Z',
      ['10-03T15:30', '10-04T15:15'],
    ],
    [
      'half an hour that comes twice (Lord Howe)',
      'Australia/Lord_Howe',
      '45 1 * * *',
      '2026-04-04T12:00Z',
      ['04-04T14:45', '04-05T15:15'],
    ],
    ['of a weekday', 'Europe/Berlin', '0 22 * * 1-5', '2026-11-27T22:00Z', ['11-30T21:00', '12-01T21:00']],
    ['of the last day of the month', 'UTC', '0 0 L * *', '2026-01-31T12:00Z', ['02-28T00:00', '03-31T00:00']],
    ['of 29 February', 'UTC', '0 3 29 2 *', '2026-03-01T00:00Z', ['02-29T03:00', '02-29T03:00']],
  ])('%s', (_name, timeZone, pattern, from, wanted) => {
    let at: number | null = Date.parse(from);
    for (const next of wanted) {
      at = nextDue(cron(pattern, timeZone), at ?? 0);
      expect(iso(at)).toBe(next);
    }
  });

  it('that is given once comes once', () => {
    const once: When = { kind: 'once', at: '2026-11-28T12:00:00.000Z' };
    const at = Date.parse(once.at);
    expect([nextDue(once, at - 1), nextDue(once, at)]).toEqual([at, null]);
    expect(listDue(once, at, at + 1, 10)).toEqual([at]);
  });

  it.each(['', '* * * *', '* * * * * *', '61 * * * *', '0 0 31 2 *', 'a b c d e', '@daily', '0 0 * * 8'])(
    'is not %o',
    (pattern) => {
      expect(() => checkWhen(cron(pattern), 0)).toThrow(expect.objectContaining({ code: 'invalid-input' }));
    },
  );
});

describe('what has come due', () => {
  const hourly = cron('0 * * * *');
  const at = (text: string) => Date.parse(`2026-11-28T${text}Z`);
  const judge = (due: string, now: string, lateMinutes = 0) => {
    const { runMs, missedMs } = judgeDue(hourly, at(due), at(now), lateMinutes);
    return [iso(runMs), iso(missedMs)];
  };

  it('is run in its second, or a little late', () => {
    expect(judge('12:00', '12:00')).toEqual(['11-28T12:00', null]);
    expect(judge('12:00', '12:01:20')).toEqual(['11-28T12:00', null]);
  });

  it('is missed later, unless it may be made up for: then the newest is, once', () => {
    expect(judge('12:00', '12:02')).toEqual([null, '11-28T12:00']);
    expect(judge('12:00', '15:30')).toEqual([null, '11-28T12:00']);
    expect(judge('12:00', '15:30', 60)).toEqual(['11-28T15:00', '11-28T12:00']);
    expect(judge('12:00', '15:30', 20)).toEqual([null, '11-28T12:00']);
  });

  it('is one run at most, whatever the clock does', () => {
    const minute = cron('* * * * *');
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 10 }), fc.integer({ min: 0, max: 7 * 24 * 60 }), (gap, late) => {
        const { runMs } = judgeDue(minute, at('12:00'), at('12:00') + gap, late);
        if (runMs !== null) {
          expect(runMs).toBeLessThanOrEqual(at('12:00') + gap);
          expect(at('12:00') + gap - runMs).toBeLessThan(60_000);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('hours in which jobs may begin', () => {
  const window = (days: number[], from: string, to: string, timeZone = 'Europe/Berlin'): Window => ({
    days,
    from,
    to,
    timeZone,
  });
  it.each([
    // 2026-11-28 is a Saturday; Berlin is an hour ahead of UTC.
    ['in the afternoon', window([6], '14:00', '16:00'), '2026-11-28T13:00Z', true],
    ['until their end', window([6], '14:00', '16:00'), '2026-11-28T15:00Z', false],
    ['not on another day', window([7], '14:00', '16:00'), '2026-11-28T13:00Z', false],
    ['over midnight, the evening', window([5], '22:00', '05:00'), '2026-11-27T21:00Z', true],
    ['over midnight, the morning after', window([5], '22:00', '05:00'), '2026-11-28T03:59Z', true],
    ['over midnight, too late', window([5], '22:00', '05:00'), '2026-11-28T04:00Z', false],
    ['over midnight, the morning of the day itself', window([5], '22:00', '05:00'), '2026-11-27T03:00Z', false],
    ['over midnight from Sunday to Monday', window([7], '22:00', '05:00'), '2026-11-30T03:00Z', true],
    ['a whole day', window([6], '00:00', '00:00'), '2026-11-28T12:00Z', true],
    ['by the clock on the wall in summer', window([1, 2, 3, 4, 5, 6, 7], '14:00', '16:00'), '2026-07-01T12:00Z', true],
  ])('%s', (_name, hours, now, inside) => {
    expect(isInside([hours], Date.parse(now))).toBe(inside);
  });

  it('are all hours when none are given, and any of several', () => {
    expect(isInside([], 0)).toBe(true);
    expect(
      isInside([window([1], '00:00', '01:00'), window([6], '14:00', '16:00')], Date.parse('2026-11-28T13:30Z')),
    ).toBe(true);
  });

  const opened = (hours: Window, from: string, to: string) =>
    listOpen(hours, Date.parse(from), Date.parse(to), 100).map((open) =>
      [open.fromMs, open.toMs].map((ms) => new Date(ms).toISOString().slice(5, 16)).join(' to '),
    );

  it('are listed as they open and close, one that is open at the beginning with them', () => {
    const nights = window([5, 6], '22:00', '05:00');
    expect(opened(nights, '2026-11-28T01:00Z', '2026-12-05T00:00Z')).toEqual([
      '11-27T21:00 to 11-28T04:00',
      '11-28T21:00 to 11-29T04:00',
      '12-04T21:00 to 12-05T04:00',
    ]);
    expect(opened(window([7], '00:00', '00:00'), '2026-11-28T00:00Z', '2026-12-05T00:00Z')).toEqual([
      '11-28T23:00 to 11-29T23:00',
    ]);
    // In Berlin the clock goes from 02:00 to 03:00 on 29 March 2026: half an hour that begins at 02:10 is not there.
    const lept = window([7], '02:10', '02:40');
    expect(opened(lept, '2026-03-28T00:00Z', '2026-04-06T00:00Z')).toEqual(['04-05T00:10 to 04-05T00:40']);
    expect(new Date(nextInside([lept], Date.parse('2026-03-28T00:00Z'))).toISOString()).toBe(
      '2026-04-05T00:10:00.000Z',
    );
  });

  it('come next at the first minute that is inside, in any zone and week', () => {
    const clock = fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 3 }))
      .map(([hour, quarter]) => `${String(hour).padStart(2, '0')}:${String(quarter * 15).padStart(2, '0')}`);
    const days = fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1 });
    const zone = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Asia/Tokyo', 'Australia/Lord_Howe');
    const hours = fc.tuple(days, clock, clock, zone).map((parts) => window(...parts));
    const minuteMs = 60_000;
    fc.assert(
      fc.property(
        fc.array(hours, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: 400 * 24 * 60 }),
        (all, minutes) => {
          const from = Date.parse('2026-01-01T00:00Z') + minutes * minuteMs;
          const next = nextInside(all, from);
          expect(isInside(all, next)).toBe(true);
          for (let ms = from; ms < next; ms += 15 * minuteMs) expect(isInside(all, ms)).toBe(false);
          if (next > from) expect(isInside(all, next - minuteMs)).toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });
});
