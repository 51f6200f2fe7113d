// The clock of the server's machine is set forward and back by days under running jobs: each is done once, and a schedule whose time is passed twice runs once.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Machine } from '../../protocol/rest.ts';
import type { Schedule, ScheduleRun } from '../../protocol/schedule.ts';
import {
  type Api,
  allEnd,
  approveAll,
  askOfAll,
  countRuns,
  FleetAgent,
  isInTheMiddleOf,
  openApi,
  until,
} from '../fixtures/agent/fleet.ts';
import { killAndWait, startServerProcess } from '../fixtures/agent/site.ts';
import { SteppedClock } from '../fixtures/stepped-clock.ts';

const dayMs = 24 * 3_600_000;
const diskBytes = 64 * 2 ** 20;
const machines = 3;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'deploy-os-clock-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const file = (kind: string, i: number) => join(dir, `${kind}-${i}`);

it('a clock that is set by days loses no job and runs nothing twice', { timeout: 240_000 }, async () => {
  const clock = await SteppedClock.create(join(dir, 'clock'));
  const { child, facts } = await startServerProcess(join(dir, 'server'), 0, { environment: clock.environment });
  const api = await openApi(facts);
  const agents: FleetAgent[] = [];
  try {
    for (let i = 0; i < machines; i++) {
      await writeFile(file('source', i), randomBytes(diskBytes));
      await writeFile(file('target', i), '');
      await truncate(file('target', i), diskBytes);
      agents.push(await FleetAgent.boot(facts, [file('source', i), file('target', i)]));
    }
    const [first] = agents as [FleetAgent];
    const ids = await approveAll(api);
    const schedule = await scheduleInHalfADay(api, ids.slice(0, 1));
    const listStarted = async () => {
      const runs = await api.call<ScheduleRun[]>('GET', `/v1/schedules/${schedule.id}/runs`);
      return runs.filter(({ outcome }) => outcome === 'started').map(({ dueAt }) => dueAt);
    };
    const image = 'disk of {machine}';
    const capture = { kind: 'capture', source: { by: 'serial', serial: 'F1' }, image };
    const restore = { kind: 'restore', image, target: { by: 'serial', serial: 'F2' } };

    for (const [step, phase] of [
      [capture, 'capture'],
      [restore, 'write'],
    ] as const) {
      const jobs = await askOfAll(api, ids, [step]);
      await isInTheMiddleOf(first, phase);
      for (const [offset, days] of [
        ['+1d', 1],
        ['-1d', -1],
      ] as const) {
        await clock.set(offset);
        await allAreSeen(api, days);
        if (days === 1) await until(async () => (await listStarted()).length > 0, 'the schedule runs');
      }
      const ended = await allEnd(api, jobs);
      expect(ended.map(({ state, error }) => [state, error])).toEqual(Array(machines).fill(['succeeded', null]));
      expect(await countRuns(api, jobs)).toEqual(Array(machines).fill([1, 1]));
    }
    expect(await listStarted()).toEqual([schedule.nextDueAt]);
    for (let i = 0; i < machines; i++) {
      expect((await readFile(file('target', i))).equals(await readFile(file('source', i)))).toBe(true);
    }
  } finally {
    for (const { session } of agents) session.close();
    api.close();
    await killAndWait(child);
  }
});

/** Each day at the time that it is in twelve hours; made up for when it was missed. */
async function scheduleInHalfADay(api: Api, on: readonly string[]): Promise<Schedule> {
  await api.call('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  const due = new Date(Date.now() + dayMs / 2);
  const cron = `${due.getUTCMinutes()} ${due.getUTCHours()} * * *`;
  return api.call<Schedule>('POST', '/v1/schedules', {
    ...{ name: 'daily', scenario: 'look', machines: on, lateMinutes: 24 * 60 },
    when: { kind: 'cron', cron, timeZone: 'UTC' },
  });
}

/** The server has the clock of so many days from now, and by that clock all machines are connected. */
async function allAreSeen(api: Api, days: number): Promise<void> {
  await until(async () => {
    const all = await api.call<Machine[]>('GET', '/v1/machines');
    return all.every(({ online, lastSeenAt }) => {
      const apartMs = Date.parse(lastSeenAt ?? '') - Date.now() - days * dayMs;
      return online && Math.abs(apartMs) < dayMs / 4;
    });
  }, `the server's clock is ${days} days ahead`);
}
