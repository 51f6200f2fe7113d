import { expect, it } from 'vitest';
import { actionTexts } from '../../console/pages/audit/action-texts.ts';
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
  expect(describeAction(entry, actionTexts.en)).toBe('Asked for a job');
  expect(describeAction({ action: 'POST /v1/of-next-year' }, actionTexts.en)).toBe('POST /v1/of-next-year');
  expect(describeAbout(entry)).toBe('machine Web-01, scenario back-up');
  expect(
    ['', 'web-01', 'BACK ann', '10.0.0.7 jobs ok', 'ジョブを依頼 web'].map((words) =>
      fits(entry, words, actionTexts.ja),
    ),
  ).toEqual([true, true, true, true, true]);
  expect(fits(entry, 'web-01 bob', actionTexts.ja)).toBe(false);
});
