// The logic behind the lists: which rows are in sight, what a machine's line says, what hangs on the wall, a step's figures.
import { expect, it } from 'vitest';
import { describeJobState, secondsLeft, shareOf } from '../../console/components/job-words.ts';
import { partsTexts } from '../../console/components/texts.ts';
import { nextOrder, rowsInSight } from '../../console/components/virtual-table.ts';
import { type ImageEntry, lineageOf } from '../../console/pages/images/entries.ts';
import { listFigures } from '../../console/pages/job/figures.ts';
import { jobTexts } from '../../console/pages/job/texts.ts';
import { currentJobs, findLines, sortLines, toLine } from '../../console/pages/machines/machine-lines.ts';
import { hangUp } from '../../console/pages/wall/wall-jobs.ts';
import { type Job, jobSchema, machineSchema } from '../../protocol/rest.ts';
import { makeInventory } from '../server/support.ts';

const at = '2026-11-28T12:00:00.000Z';
const now = Date.parse(at);

function makeJob(facts: Partial<Job>): Job {
  return jobSchema.parse({
    ...{ id: 'j1', scenarioId: 's', scenarioName: 'Back up', machineId: 'm1', machineName: 'web-01', state: 'queued' },
    ...{ cancelRequested: false, createdAt: at, startedAt: null, endedAt: null, progress: null, results: [] },
    ...{ error: null, approvedCheckId: null },
    ...facts,
  });
}
const makeMachine = (id: string, name: string, facts: object = {}) =>
  machineSchema.parse({
    ...{ id, name, state: 'approved', online: true, lastSeenAt: at, inventory: makeInventory('u') },
    ...facts,
  });

it('only rows near the window are drawn, at the beginning, in the middle and at the end', () => {
  expect(rowsInSight(1000, 40, 200, 800)).toEqual({ start: 0, end: 27 });
  expect(rowsInSight(1000, 40, -20_000, 800)).toEqual({ start: 488, end: 532 });
  expect(rowsInSight(1000, 40, -39_400, 800)).toEqual({ start: 973, end: 1000 });
  expect(rowsInSight(3, 40, -9999, 800)).toEqual({ start: 3, end: 3 });
  expect(rowsInSight(0, 40, 0, 800)).toEqual({ start: 0, end: 0 });
  expect(nextOrder({ key: 'a', descending: false }, 'a')).toEqual({ key: 'a', descending: true });
  expect(nextOrder({ key: 'a', descending: true }, 'b')).toEqual({ key: 'b', descending: false });
});

it('machines are found by all words, in any width of letters, and sorted as people count', () => {
  const group = { id: 'g', name: 'Lab' };
  const lines = [
    makeMachine('1', 'pc-10', { groups: [group] }),
    makeMachine('2', 'pc-9', { tags: ['rack-4'] }),
    makeMachine('3', 'ＰＣ-11', { state: 'pending' }),
    makeMachine('4', 'pc-12', { online: false, inventory: null }),
  ].map((machine) => toLine(machine, machine.id === '1' ? makeJob({ state: 'running' }) : null));
  const names = (filter: Partial<Parameters<typeof findLines>[1]>) =>
    findLines(lines, { search: '', condition: null, group: null, ...filter }).map(({ machine }) => machine.id);
  expect(names({ search: 'pc-11' })).toEqual(['3']);
  expect(names({ search: 'QEMU 52:54 pc-9' })).toEqual(['2']);
  expect(names({ search: 'RACK-4' })).toEqual(['2']);
  expect(names({ group: 'g' })).toEqual(['1']);
  expect(lines.map(({ condition }) => condition)).toEqual(['busy', 'ready', 'pending', 'offline']);
  expect(names({ condition: 'offline' })).toEqual(['4']);
  expect(sortLines(lines, { key: 'name', descending: false }).map(({ machine }) => machine.name)).toEqual([
    ...['pc-9', 'pc-10', 'ＰＣ-11', 'pc-12'],
  ]);
});

it("a machine's job is the one that runs, else the one that has waited longest", () => {
  const jobs = [
    makeJob({ id: 'a', state: 'succeeded' }),
    makeJob({ id: 'b' }),
    makeJob({ id: 'c' }),
    makeJob({ id: 'd', machineId: 'm2' }),
    makeJob({ id: 'e', machineId: 'm2', state: 'running' }),
  ];
  expect([...currentJobs(jobs)].map(([machine, { id }]) => [machine, id])).toEqual([
    ['m1', 'b'],
    ['m2', 'e'],
  ]);
});

it('on the wall hang failures first, what runs, and for a while what has ended', () => {
  const ended = (seconds: number) => new Date(now - seconds * 1000).toISOString();
  const progress = { step: 0, phase: 'write', bytesDone: 5, bytesTotal: 10, bytesTransferred: 1, bytesPerSecond: 7 };
  const wall = hangUp(
    [
      makeJob({ id: 'waits' }),
      makeJob({ id: 'runs', state: 'running', progress }),
      makeJob({ id: 'also', state: 'running', progress, machineName: 'web-00' }),
      makeJob({ id: 'failed', state: 'failed', endedAt: ended(600) }),
      makeJob({ id: 'failed before', state: 'failed', endedAt: ended(7200) }),
      makeJob({ id: 'done', state: 'succeeded', endedAt: ended(30) }),
      makeJob({ id: 'done before', state: 'succeeded', endedAt: ended(90) }),
    ],
    now,
  );
  expect(wall.jobs.map(({ id }) => id)).toEqual(['failed', 'also', 'runs', 'done', 'waits']);
  expect(wall).toMatchObject({ running: 2, queued: 1, failedToday: 2, bytesPerSecond: 14 });
});

it('progress says its share and the time left only where they are known', () => {
  const job = (bytesDone: number, bytesTotal: number, bytesPerSecond: number) =>
    makeJob({ progress: { step: 0, phase: 'map', bytesDone, bytesTotal, bytesTransferred: 0, bytesPerSecond } });
  expect([shareOf(job(5, 10, 1)), secondsLeft(job(5, 10, 1))]).toEqual([0.5, 5]);
  expect([shareOf(job(0, 0, 1)), secondsLeft(job(0, 0, 1)), secondsLeft(job(5, 10, 0))]).toEqual([null, null, null]);
  expect(shareOf(makeJob({}))).toBeNull();
  expect(describeJobState(makeJob({ state: 'running', cancelRequested: true }), partsTexts.ja).text).toBe('中止処理中');
  expect(describeJobState(makeJob({ held: 'paused' }), partsTexts.ja).text).toBe('一時停止中');
});

it('figures of a step stand in a fixed order, and those that nobody knows keep their names', () => {
  const figures = listFigures({ zz: 3, seconds: 4, bytesSent: 1, usedBytes: 2, lostBytes: 0 }, jobTexts.ja);
  expect(figures.map(({ key, kind }) => [key, kind])).toEqual([
    ['usedBytes', 'bytes'],
    ['bytesSent', 'bytes'],
    ['seconds', 'seconds'],
    ['zz', 'count'],
  ]);
  expect(figures.at(-1)?.label).toBe('zz');
});

it('an image has the parent that it was captured with, by id, and its children, the newest first', () => {
  const image = (id: string, day: number, parentId?: string): ImageEntry => ({
    ...{ id, name: `web ${day}`, sizeBytes: 512, createdAt: `2026-11-0${day}T12:00:00.000Z` },
    health: { verify: null, prove: null, active: [] },
    ...(parentId === undefined ? {} : { parentId }),
  });
  const images = [image('a', 1), image('b', 2, 'a'), image('c', 3, 'a'), image('d', 4, 'b'), image('e', 5, 'gone')];
  const ids = (id: string) => {
    const { parent, children } = lineageOf(images, id);
    return [parent?.id ?? null, children.map((child) => child.id)];
  };
  expect(ids('a')).toEqual([null, ['c', 'b']]);
  expect(ids('b')).toEqual(['a', ['d']]);
  expect(ids('d')).toEqual(['b', []]);
  expect(ids('e')).toEqual([null, []]);
  expect(ids('gone')).toEqual([null, ['e']]);
});
