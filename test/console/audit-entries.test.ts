import { expect, it } from 'vitest';
import { describeAbout, fits } from '../../console/pages/audit/entries.ts';

const entry = {
  id: '1',
  at: '2026-11-28T10:00:00.000Z',
  who: 'ann',
  address: '10.0.0.7',
  action: 'POST /v1/jobs',
  about: { machine: 'Web-01', scenario: 'back-up' },
  outcome: 'ok',
};

it('an entry says what it is about, and is found by words in any order and case', () => {
  expect(describeAbout(entry)).toBe('machine Web-01, scenario back-up');
  expect(['', 'web-01', 'BACK ann', '10.0.0.7 jobs ok'].map((words) => fits(entry, words))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(fits(entry, 'web-01 bob')).toBe(false);
});
