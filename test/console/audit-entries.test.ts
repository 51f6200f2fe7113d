import { expect, it } from 'vitest';
import { describeAbout, describeAction, fits } from '../../console/pages/audit/entries.ts';

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
  expect(describeAction(entry, 'en')).toBe('Asked for a job');
  expect(describeAction({ action: 'POST /v1/of-next-year' }, 'en')).toBe('POST /v1/of-next-year');
  expect(describeAbout(entry, 'en')).toBe('machine: Web-01, scenario: back-up');
  expect(describeAbout(entry, 'ja')).toBe('マシン: Web-01, シナリオ: back-up');
  expect(describeAbout({ about: { toString: '1' } as Record<string, string> }, 'ja')).toBe('toString: 1');
  expect(
    ['', 'web-01', 'BACK ann', '10.0.0.7 jobs ok', 'ジョブを依頼 マシン web'].map((words) => fits(entry, words, 'ja')),
  ).toEqual([true, true, true, true, true]);
  expect(fits(entry, 'web-01 bob', 'ja')).toBe(false);
  const byToken = { ...entry, who: 'operator token' };
  expect(['オペレータートークン', 'operator'].map((words) => fits(byToken, words, 'ja'))).toEqual([true, true]);
});
