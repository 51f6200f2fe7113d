import { expect, it } from 'vitest';
import { clockFault } from '../../../agent/3-server/clock.ts';

const server = Date.UTC(2026, 10, 28);
const minuteMs = 60_000;

it('says how far off the clock of a machine is, and lets a minute pass', () => {
  expect(clockFault(null, 0)).toBeNull();
  expect(clockFault(server, server + minuteMs - 1)).toBeNull();
  expect(clockFault(server, Date.UTC(2015, 0, 1))).toBe('4349 days slow (2015-01-01T00:00:00Z): is its battery empty?');
  expect(clockFault(server, server + 5 * minuteMs)).toMatch(/^5 min fast/);
  expect(clockFault(server, server - 9 * 60 * minuteMs)).toMatch(/^9 hours slow/);
});
