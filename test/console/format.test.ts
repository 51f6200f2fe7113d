// Bytes, shares, moments and durations in words.
import { expect, it } from 'vitest';
import { formatBytes, formatCount, formatRate, formatShare } from '../../console/format/numbers.ts';
import { formatAgo, formatClock, formatDuration, formatMoment } from '../../console/format/times.ts';

it('bytes are written in powers of 1024 with three figures', () => {
  const cases = [0, 1, 512, 1023, 1024, 10 * 1024 ** 2, 240_057_409_536, 1.5 * 1024 ** 4, 1024 ** 6];
  expect(cases.map((bytes) => formatBytes(bytes))).toEqual([
    ...['0 B', '1 B', '512 B', '1,023 B', '1.0 KiB', '10.0 MiB', '224 GiB', '1.5 TiB', '1,024 PiB'],
  ]);
  expect(formatRate(117 * 1024 ** 2)).toBe('117 MiB/s');
});

it('a share is not 100 % before the end', () => {
  expect([0, 0.4271, 0.99999, 1, 2, -1].map((share) => formatShare(share))).toEqual([
    ...['0%', '42.7%', '99.9%', '100%', '100%', '0%'],
  ]);
});

it('durations show two units at most', () => {
  const cases = [0, 4.4, 59.6, 200, 3600, 7500, 90_061];
  expect(cases.map((seconds) => formatDuration(seconds).replaceAll('\u202f', ''))).toEqual([
    ...['0s', '4s', '1m', '3m 20s', '1h', '2h 5m', '1d 1h'],
  ]);
  expect(formatDuration(200, 'ja')).toMatch(/^3\s?分 20\s?秒$/);
});

it('moments are said in the language', () => {
  const at = '2026-11-28T14:00:00.000Z';
  const now = Date.parse('2026-11-28T14:03:00.000Z');
  expect(formatAgo(at, now)).toBe('3 minutes ago');
  expect(formatAgo(at, now, 'ja')).toBe('3 分前');
  expect(formatAgo('2026-11-29T14:03:00.000Z', now)).toBe('tomorrow');
  expect(formatMoment(at, 'en')).toMatch(/^28 Nov 2026, .*:00:00 \S+$/);
  expect(formatClock(at, 'en')).toMatch(/^\d\d:00:00$/);
  expect(formatCount(12_345)).toBe('12,345');
});
