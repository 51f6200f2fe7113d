import { encode } from 'msgpackr';
import { expect, test } from 'vitest';
import { boundWarnings } from '../../../agent/5-job/bound-warnings.ts';
import { maxFrameBytes } from '../../../protocol/agent-messages.ts';

test('a few warnings go as they are', () => {
  expect(boundWarnings([])).toEqual([]);
  expect(boundWarnings(['one', 'two'])).toEqual(['one', 'two']);
});

test('however many and long they are, 32 steps with them fit into a frame, and it is told how many are missing', () => {
  for (const warning of ['', 'x', '…'.repeat(8192), '…'.repeat(1_000_000)]) {
    const bounded = boundWarnings(Array.from({ length: 100_000 }, () => warning));
    expect(bounded.length).toBeLessThanOrEqual(1000);
    const results = Array.from({ length: 32 }, () => ({ warnings: bounded }));
    expect(encode(results).length).toBeLessThan(0.75 * maxFrameBytes);
    expect(bounded.at(-1)).toBe(`${100_000 - (bounded.length - 1)} more warnings are in the job's log only`);
  }
});
