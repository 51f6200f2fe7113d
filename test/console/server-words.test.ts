// What the server says with a code has words in the console: a new code without them fails here.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { describePhase } from '../../console/components/job-words.ts';
import { partsTexts } from '../../console/components/texts.ts';
import { aboutTexts } from '../../console/pages/audit/about-texts.ts';
import { actionTexts } from '../../console/pages/audit/action-texts.ts';
import { jobTexts } from '../../console/pages/job/texts.ts';
import { adviceInJapanese } from '../../console/words/advice-ja.ts';
import { askersInJapanese } from '../../console/words/askers-ja.ts';
import { differencesInJapanese } from '../../console/words/differences-ja.ts';
import { errorsInJapanese } from '../../console/words/errors-ja.ts';
import { findingsInJapanese } from '../../console/words/findings-ja.ts';
import { imageNotesInJapanese } from '../../console/words/image-notes-ja.ts';
import { planWarningsInJapanese } from '../../console/words/plan-warnings-ja.ts';
import { runNotesInJapanese } from '../../console/words/run-notes-ja.ts';
import { stepNotesInJapanese } from '../../console/words/step-notes-ja.ts';
import {
  sayDifference,
  sayError,
  sayFinding,
  sayNote,
  sayRun,
  saySummary,
  sayWait,
  sayWarning,
  sayWho,
} from '../../console/words/translate.ts';
import { waitsInJapanese } from '../../console/words/waits-ja.ts';
import { differenceKindSchema } from '../../protocol/disk-check.ts';
import { errorCatalogue } from '../../protocol/errors.ts';
import { planWarningSchema } from '../../protocol/plan.ts';
import { jobHoldSchema } from '../../protocol/rest.ts';
import { stepKinds } from '../../protocol/scenario.ts';
import { runNoteSchema } from '../../protocol/schedule.ts';
import { stepNoteCodes } from '../../protocol/step-notes.ts';
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
  expect(Object.keys(stepNotesInJapanese).toSorted()).toEqual([...stepNoteCodes].toSorted());
  expect(Object.keys(runNotesInJapanese).toSorted()).toEqual(runNoteSchema.shape.code.options.toSorted());
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
    ...Object.values(runNotesInJapanese).map((say) =>
      say(
        { machine: 'web-01', since: '', count: '2', error: 'store-io' },
        { moment: () => '', error: () => '壊れています', who: (who) => who },
      ),
    ),
    ...imageNotesInJapanese.map(([, say]) => say('1', '2')),
    ...Object.values(stepNotesInJapanese).map((say) => say({}, '1 GiB')),
    ...Object.values(askersInJapanese).map((say) => say('nightly')),
  ];
  expect(said.filter((text) => !isJapanese(text))).toEqual([]);
});

it('every sentence by which a note in an image or a warning of a step is known is one that the engine writes', () => {
  const sources = globSync(['imaging/**/*.ts', 'agent/5-job/*.ts'], { cwd: root }).map((file) =>
    read(file).replaceAll(/\$\{[^}]*\}/g, '{}'),
  );
  const unknown = imageNotesInJapanese.filter(([sentence]) => !sources.some((source) => source.includes(sentence)));
  expect(unknown.map(([sentence]) => sentence)).toEqual([]);
});

it('a note in an image is said in Japanese with its place, and beside it as it was written; another one is in English', () => {
  const said = (note: string) => sayNote(note, 'ja').text;
  const bad = '/dev/sda (A: disk), partition 3: 12 clusters are marked bad ($BadClus) and are not read';
  expect(sayNote(bad, 'ja')).toEqual({
    ...{ text: 'パーティション 3: 不良クラスター 12 個は読み取っていません。', advice: null, original: bad },
  });
  expect(sayNote(bad, 'en')).toEqual({ text: bad, advice: null, original: null });
  expect(said('/dev/sda: partitions 1 and 2 overlap; what either uses is captured')).toContain('1 と 2 が重なって');
  expect(said('damaged on partition 2: /etc/fstab')).toBe('パーティション 2 の破損したファイル: /etc/fstab');
  expect(said('volume group vg lies on 2 physical volumes: what is allocated on this one is captured whole')).toContain(
    'vg は 2 個の',
  );
  const raw = 'the superblock: its checksum does not fit: captured sector by sector';
  expect(said(raw)).toMatch(/セクター単位/);
  for (const other of ['of next year', 'made anew with its UUID!', ' clusters are marked bad', '', ': ']) {
    expect(sayNote(other, 'ja')).toEqual({ text: other, advice: null, original: null });
  }
});

it('a step’s summary is said by its codes, and its warnings by the difference or the sentence that they are; older agents’ are in English', () => {
  const summary = 'overwritten with zeros; all 4096 bytes read back as the zeros that were written';
  const notes = [
    { code: 'overwritten', values: { pattern: 'zeros' } },
    { code: 'read-as-written', values: { bytes: '4096', pattern: 'zeros' } },
  ];
  const step = { kind: 'wipe', figures: {}, secondsByPhase: {}, warnings: [] } as const;
  const asItCame = { text: summary, advice: null, original: null };
  const said = (extra: object, language = 'ja') => saySummary({ ...step, warnings: [], summary, ...extra }, language);
  expect(said({ notes })).toEqual({
    text: 'ディスク全体をゼロで上書きしました。全 4.0 KiB を読み戻し、書き込んだゼロと一致することを確認しました。',
    ...{ advice: null, original: summary },
  });
  const newer = [...notes, { code: 'toString', values: {} }];
  for (const given of [said({ notes }, 'en'), said({}), said({ notes: newer })]) expect(given).toEqual(asItCame);
  expect(saySummary({ ...step, warnings: [] }, 'ja')).toBeNull();
  const message = 'disk 2 (a) is gone';
  const gone = { kind: 'gone', level: 'warning', diskId: 'a', diskNumber: 2, message } as const;
  const result = { ...step, warnings: [message], differences: [gone] };
  expect(sayWarning(message, result, 'ja')).toEqual(sayDifference(gone, 'ja'));
  expect(sayWarning('/dev/sda: disk is locked by ATA password', result, 'ja').text).toMatch(/^ロック/);
});

it('who asked where it was no user is said in Japanese; a user is named', () => {
  const who = [
    'operator token',
    'automatic approval',
    'settings',
    'unknown user',
    'schedule toString',
    'ann',
    'toString',
  ];
  expect(who.map((name) => sayWho(name, 'ja'))).toEqual([
    ...[
      'オペレータートークン',
      '自動承認',
      'サーバーの設定',
      '不明なユーザー',
      'スケジュール toString',
      'ann',
      'toString',
    ],
  ]);
  expect(who.map((name) => sayWho(name, 'en'))).toEqual(who);
});

it('what became of a schedule’s time is said by its codes; times of before, and codes of a newer server, are in English', () => {
  const missed = { code: 'missed', values: { since: '2026-11-28T16:00:00.000Z' } } as const;
  const refused = { code: 'refused', values: { machine: 'web-01', error: 'image-damaged', message: 'm' } } as const;
  const message = 'web-01: m (image-damaged)';
  const text = `web-01: ${errorsInJapanese['image-damaged']}`;
  expect(sayRun({ notes: [refused], message }, 'ja')).toEqual({ text, advice: null, original: message });
  expect(sayRun({ notes: [missed], message }, 'ja')).toMatchObject({ original: null });
  expect(sayRun({ notes: [missed, refused], message }, 'ja').text).toMatch(/サーバーがありませんでした。 web-01: /);
  const asItCame = { text: message, advice: null, original: null };
  expect(sayRun({ notes: [refused], message }, 'en')).toEqual(asItCame);
  expect(sayRun({ notes: [], message }, 'ja')).toEqual(asItCame);
  const newer = { code: 'of-next-year', values: {} } as unknown as typeof missed;
  expect(sayRun({ notes: [missed, newer], message }, 'ja')).toEqual(asItCame);
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
  const bySelf = globSync('server/**/*.ts', { cwd: root }).flatMap((file) =>
    [...read(file).matchAll(/\baction(?: =|:) '([^']+)'/g)].map(([, action]) => action ?? ''),
  );
  expect(bySelf).toContain('schedule run');
  expect(bySelf.filter((action) => !Object.hasOwn(actionTexts.en, action))).toEqual([]);
  const named = audited.flatMap((action) => [...action.matchAll(/:([a-z]+)/gi)].map(([, name]) => name ?? ''));
  expect(named.filter((name) => !Object.hasOwn(aboutTexts.en, name))).toEqual([]);
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
