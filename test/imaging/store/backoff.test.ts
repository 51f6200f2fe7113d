import fc from 'fast-check';
import { expect, it } from 'vitest';
import { backoffDelayMs } from '../../../imaging/store/backoff.ts';

const backoff = { firstMs: 200, maxMs: 10_000 };

it('doubles up to its bound when nothing is taken off', () => {
  const delays = [0, 1, 2, 5, 6, 1000].map((attempt) => backoffDelayMs(attempt, backoff, () => 0));
  expect(delays).toEqual([200, 400, 800, 6400, 10_000, 10_000]);
});

it('never takes off more than half, and never waits longer than its bound', () => {
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const full = backoffDelayMs(attempt, backoff, () => 0);
      const delay = backoffDelayMs(attempt, backoff, () => random);
      expect(delay).toBeGreaterThanOrEqual(full / 2);
      expect(delay).toBeLessThanOrEqual(backoff.maxMs);
    }),
  );
});
