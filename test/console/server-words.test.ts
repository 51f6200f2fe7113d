// What the server says with a code has words in the console: a new code without them fails here.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { describePhase } from '../../console/components/job-words.ts';
import { partsTexts } from '../../console/components/texts.ts';
import { actionTexts } from '../../console/pages/audit/action-texts.ts';
import { jobTexts } from '../../console/pages/job/texts.ts';
import { adviceInJapanese } from '../../console/words/advice-ja.ts';
import { differencesInJapanese } from '../../console/words/differences-ja.ts';
import { errorsInJapanese } from '../../console/words/errors-ja.ts';
import { findingsInJapanese } from '../../console/words/findings-ja.ts';
import { planWarningsInJapanese } from '../../console/words/plan-warnings-ja.ts';
import { sayDifference, sayError, sayFinding, sayWait } from '../../console/words/translate.ts';
import { waitsInJapanese } from '../../console/words/waits-ja.ts';
import { differenceKindSchema } from '../../protocol/disk-check.ts';
import { errorCatalogue } from '../../protocol/errors.ts';
import { planWarningSchema } from '../../protocol/plan.ts';
import { jobHoldSchema } from '../../protocol/rest.ts';
import { stepKinds } from '../../protocol/scenario.ts';
import { waitCodeSchema } from '../../protocol/waits.ts';
import { onlyAsk } from '../../server/audited.ts';
import { routes } from '../../server/routes.ts';

const root = path.join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const isJapanese = (text: string): boolean => /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]/u.test(text);

it('every error code, wait, finding, difference of disks and warning of a plan is said in Japanese', () => {
  expect(Object.keys(errorsInJapanese).toSorted()).toEqual(Object.keys(errorCatalogue).toSorted());
  expect(Object.keys(adviceInJapanese).toSorted()).toEqual(Object.keys(errorCatalogue).toSorted());
  expect(Object.keys(waitsInJapanese).toSorted()).toEqual(waitCodeSchema.options.toSorted());
  expect(Object.keys(planWarningsInJapanese).toSorted()).toEqual(planWarningSchema.options.toSorted());
  expect(Object.keys(differencesInJapanese).toSorted()).toEqual(differenceKindSchema.options.toSorted());
  // Its table names every finding that there is.
  const findings = [...read('docs/preflight.md').matchAll(/^\| `([a-z-]+)` \| (?:capture|restore)/gm)].map(
    ([, code]) => code,
  );
  expect(findings.length).toBeGreaterThan(10);
  expect(Object.keys(findingsInJapanese).toSorted()).toEqual(findings.toSorted());
  const said = [
    ...Object.values(errorsInJapanese),
    ...Object.values(adviceInJapanese).filter((advice) => advice !== null),
    ...Object.values(findingsInJapanese).flatMap(({ what, todo }) => [what, todo]),
    ...Object.values(differencesInJapanese),
    ...Object.values(planWarningsInJapanese),
    ...Object.values(waitsInJapanese).map((say) =>
      say({ machine: 'web-01', job: '7', at: '', network: '', most: '2' }, () => ''),
    ),
  ];
  expect(said.filter((text) => !isJapanese(text))).toEqual([]);
});

it('every phase, hold and kind of step has a word', () => {
  const declared = /type ProgressPhase =([^;]+);/.exec(read('imaging/progress.ts'))?.[1] ?? '';
  const phases = [...declared.matchAll(/'([a-z-]+)'/g)].map(([, phase]) => phase ?? '');
  expect(phases).toContain('read-back');
  expect(phases.filter((phase) => !isJapanese(describePhase(phase, partsTexts.ja)))).toEqual([]);
  for (const hold of jobHoldSchema.options) expect(isJapanese(partsTexts.ja[hold])).toBe(true);
  for (const kind of stepKinds) expect(isJapanese(jobTexts.ja[kind])).toBe(true);
});

it('every action that people are written down for has words in the audit log', () => {
  const audited = routes
    .filter(({ method, path, access }) => {
      const byPeople = access === 'viewer' || access === 'operator' || access === 'administrator';
      return byPeople && method !== 'GET' && !onlyAsk.includes(path) && !path.startsWith('/v1/chunks');
    })
    .map((route) => `${route.method} ${route.path}`);
  expect(audited.length).toBeGreaterThan(30);
  expect(audited.filter((action) => !Object.hasOwn(actionTexts.en, action))).toEqual([]);
  const known = new Set(routes.map((route) => `${route.method} ${route.path}`));
  expect(Object.keys(actionTexts.en).filter((action) => action.includes('/v1/') && !known.has(action))).toEqual([]);
});

it('Japanese has the server’s own words beside it; English and codes that are not known are as they came', () => {
  const error = { code: 'target-write', message: 'writing /dev/sda: Input/output error', hint: 'Replace it.' };
  expect(sayError(error, 'ja')).toEqual({
    text: errorsInJapanese['target-write'],
    advice: adviceInJapanese['target-write'],
    original: error.message,
  });
  const asItCame = { text: error.message, advice: error.hint, original: null };
  expect(sayError(error, 'en')).toEqual(asItCame);
  for (const code of ['of-next-year', 'toString']) expect(sayError({ ...error, code }, 'ja')).toEqual(asItCame);
  const finding = { code: 'of-next-year', message: 'm', advice: 'a' };
  expect(sayFinding(finding, 'ja')).toEqual({ text: 'm', advice: 'a', original: null });
  const waitsFor = 'web-01 is not connected: boot it over the network';
  const wait = { code: 'machine-away', values: { machine: 'web-01' } } as const;
  expect(sayWait({ wait, waitsFor }, 'ja')).toBe('web-01 の接続（ネットワークから起動してください）');
  expect([sayWait({ wait, waitsFor }, 'en'), sayWait({ wait: null, waitsFor }, 'ja')]).toEqual([waitsFor, waitsFor]);
  const difference = {
    kind: 'gone',
    level: 'warning',
    diskId: 'a',
    diskNumber: 2,
    message: 'disk 2 (a) is gone',
  } as const;
  expect(sayDifference(difference, 'ja')).toMatchObject({
    text: 'ディスク 2: なくなりました。',
    original: 'disk 2 (a) is gone',
  });
  expect(sayDifference(difference, 'en')).toEqual({ text: 'disk 2 (a) is gone', advice: null, original: null });
});
