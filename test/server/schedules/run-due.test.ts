// Schedules and the database, with the clock in the test's hand: one run of each time, whatever the clock and however many servers.
import type { FastifyBaseLogger } from 'fastify';
import { beforeEach, describe, expect, it } from 'vitest';
import { openMemoryStore } from '../../../imaging/store/memory-store.ts';
import { DeployError } from '../../../protocol/errors.ts';
import { scheduleBodySchema } from '../../../protocol/schedule.ts';
import type { Database } from '../../../server/database/schema.ts';
import { changeJob } from '../../../server/jobs/change-job.ts';
import { registerMachine } from '../../../server/machines/register-machine.ts';
import { createScenario } from '../../../server/scenarios/scenarios.ts';
import { holdOutside } from '../../../server/schedules/hold-outside.ts';
import { mendNextTimes, runDue } from '../../../server/schedules/run-due.ts';
import { changeSchedule, createSchedule, listRuns } from '../../../server/schedules/schedules.ts';
import { newDatabase, openByText } from '../../fixtures/databases.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';
import { uuidA, uuidB } from '../support.ts';

const log = Object.fromEntries(
  ['info', 'warn', 'error', 'debug'].map((level) => [level, () => {}]),
) as unknown as FastifyBaseLogger;
const at = (text: string) => Date.parse(`2027-06-01T${text}Z`);
const store = openMemoryStore();
let scenarioSteps: object[] = [];

beforeEach(() => {
  scenarioSteps = [{ kind: 'check' }];
});

class Site {
  readonly db: Database;
  readonly others: Database[] = [];
  readonly url: string;
  scheduleId = '';

  constructor(db: Database, url: string) {
    this.db = db;
    this.url = url;
  }

  tick(now: string, db = this.db): Promise<string[]> {
    return runDue({ db, store, log }, at(now));
  }

  /** As another server has it. Of SQLite there is one server. */
  async another(): Promise<Database> {
    if (this.url.startsWith('sqlite:')) return this.db;
    const db = await openByText(this.url);
    this.others.push(db);
    return db;
  }

  async runs(): Promise<string[]> {
    const runs = await listRuns(this.db, this.scheduleId);
    return runs.toReversed().map(({ dueAt, outcome, jobIds }) => `${dueAt.slice(11, 16)} ${outcome} ${jobIds.length}`);
  }

  jobs() {
    return this.db.selectFrom('jobs').selectAll().orderBy('id').execute();
  }

  async endJobs(state: 'succeeded' | 'failed' = 'succeeded'): Promise<void> {
    for (const { id, state: now } of await this.jobs()) {
      if (now !== 'queued' && now !== 'running') continue;
      const lease = { id: 'l', bootId: 'b' };
      await changeJob(this.db, id, { kind: 'hand-out', lease, at: new Date().toISOString() });
      const error = state === 'failed' ? { code: 'internal', message: 'x' } : null;
      await changeJob(this.db, id, { kind: 'done', leaseId: 'l', results: [], error, at: new Date().toISOString() });
    }
  }
}

/** Two machines, a scenario, and a schedule of both each hour, made at noon. */
function withSite(more: object, work: (site: Site) => Promise<void>): Promise<void> {
  return withTempDirectory(async (folder) => {
    const url = await newDatabase(folder);
    const site = new Site(await openByText(url), url);
    try {
      const ids: string[] = [];
      for (const uuid of [uuidA, uuidB])
        ids.push(
          (await registerMachine(site.db, { uuid, macs: [], address: '192.0.2.5', approvedBy: null }))?.id ?? '',
        );
      await createScenario(site.db, {
        name: 'nightly',
        parameters: [],
        steps: scenarioSteps as never,
        end: 'poweroff',
      });
      const when = { kind: 'cron', cron: '0 * * * *', timeZone: 'Europe/Berlin' };
      const body = { name: 'Büro', scenario: 'nightly', machines: ids, when, ...more };
      site.scheduleId = (await createSchedule(site.db, scheduleBodySchema.parse(body), 'ann', at('11:59:59'))).id;
      await work(site);
    } finally {
      for (const db of [...site.others, site.db]) await db.destroy();
    }
  });
}

describe('a schedule', () => {
  it('asks for a job on each machine when it is time, and once', () =>
    withSite({ overlap: 'queue' }, async (site) => {
      expect(await site.tick('11:59:59.9')).toEqual([]);
      expect(await site.tick('12:00:00')).toHaveLength(2);
      expect(await site.tick('12:00:01')).toEqual([]);
      await site.tick('13:00:00');
      expect(await site.runs()).toEqual(['12:00 started 2', '13:00 started 2']);
      const jobs = await site.jobs();
      expect(jobs.map(({ requestedBy, endAction, held }) => [requestedBy, endAction, held])).toEqual(
        Array(4).fill(['ann', 'poweroff', null]),
      );
    }));

  it('runs each time once, with several servers that look at once', () =>
    withSite({ overlap: 'queue' }, async (site) => {
      const servers = [site.db, await site.another(), await site.another()];
      for (const now of ['12:00:00', '12:00:00.5', '13:00:01', '14:00:00']) {
        await Promise.all(servers.map((db) => site.tick(now, db)));
      }
      expect(await site.runs()).toEqual(['12:00 started 2', '13:00 started 2', '14:00 started 2']);
      expect(await site.jobs()).toHaveLength(6);
    }));

  it('leaves out a machine whose job of before has not ended', () =>
    withSite({}, async (site) => {
      await site.tick('12:00:00');
      await site.tick('13:00:00');
      await site.endJobs();
      await site.tick('14:00:00');
      expect(await site.runs()).toEqual(['12:00 started 2', '13:00 skipped 0', '14:00 started 2']);
    }));

  it('notes what was missed, and makes up for the newest when it may', () =>
    withSite({ overlap: 'queue' }, async (site) => {
      await site.tick('15:30:00');
      expect(await site.runs()).toEqual(['12:00 missed 0']);
      await changeSchedule(site.db, 'büro', { lateMinutes: 45 }, 'bob', at('15:31:00'));
      await site.tick('18:30:00');
      expect(await site.runs()).toEqual(['12:00 missed 0', '18:00 started 2']);
      const [run] = await listRuns(site.db, site.scheduleId);
      expect(run?.message).toBe('missed since 2027-06-01T16:00:00.000Z: no server could run it');
      expect(run?.notes).toEqual([{ code: 'missed', values: { since: '2027-06-01T16:00:00.000Z' } }]);
    }));

  it('neither runs twice nor stands still when the clock is set back', () =>
    withSite({ overlap: 'queue' }, async (site) => {
      await site.tick('12:00:00');
      await site.tick('13:00:00');
      // Set back by two hours and a half, and by one more server that is right.
      for (const now of ['10:30:00', '11:00:00', '12:00:00', '13:00:00', '14:00:00']) {
        await mendNextTimes({ db: site.db }, at(now) - 1000);
        await site.tick(now);
      }
      expect(await site.runs()).toEqual(['11:00 started 2', '12:00 started 2', '13:00 started 2', '14:00 started 2']);
    }));

  it('goes on at once when a clock that was a year ahead is right again, without a storm', () =>
    withSite({ overlap: 'queue' }, async (site) => {
      await runDue({ db: site.db, store, log }, at('12:00:00') + 365 * 24 * 3_600_000);
      await mendNextTimes({ db: site.db }, at('12:10:00'));
      await site.tick('12:10:00');
      await site.tick('13:00:00');
      const runs = await listRuns(site.db, site.scheduleId);
      expect(runs.map(({ dueAt, outcome }) => `${dueAt} ${outcome}`)).toEqual([
        '2028-05-31T12:00:00.000Z started',
        '2027-06-01T13:00:00.000Z started',
      ]);
    }));

  it('that is disabled does nothing, and later does not make up for it', () =>
    withSite({ lateMinutes: 600 }, async (site) => {
      await changeSchedule(site.db, site.scheduleId, { enabled: false }, 'bob', at('11:59:59'));
      await site.tick('13:00:00');
      await changeSchedule(site.db, site.scheduleId, { enabled: true }, 'bob', at('13:30:00'));
      await site.tick('13:30:00');
      expect(await site.runs()).toEqual([]);
    }));

  it('waits for a store that does not answer, and keeps no other schedule from its time', () =>
    withTempDirectory(async () => {
      scenarioSteps = [{ kind: 'capture', source: { by: 'only' }, image: '{machine}' }];
      await withSite({}, async (site) => {
        await createScenario(site.db, { name: 'look', parameters: [], steps: [{ kind: 'check' }], end: 'wait' });
        const machines = (await site.db.selectFrom('machines').select('id').execute()).map(({ id }) => id);
        const when = { kind: 'once', at: '2027-06-01T12:00:00.000Z' };
        const body = scheduleBodySchema.parse({ name: 'zz', scenario: 'look', machines, when });
        await createSchedule(site.db, body, 'ann', at('11:00:00'));
        const getManifest = () => Promise.reject(new DeployError('store-io', 'the store does not answer'));
        const away = { ...store, getManifest };
        expect(await runDue({ db: site.db, store: away, log }, at('12:00:00'))).toHaveLength(2);
        await expect(runDue({ db: site.db, store: away, log }, at('12:00:01'))).rejects.toThrow('does not answer');
        expect(await site.runs()).toEqual([]);
        await site.tick('12:00:30');
        expect(await site.runs()).toEqual(['12:00 started 2']);
      });
    }));

  it('says why there is no job: no image name twice, no scenario', () =>
    withTempDirectory(async () => {
      scenarioSteps = [{ kind: 'capture', source: { by: 'only' }, image: 'all the same' }];
      await withSite({ overlap: 'queue' }, async (site) => {
        await site.tick('12:00:00');
        await site.endJobs('failed');
        await site.db.deleteFrom('scenarios').execute();
        await site.tick('13:00:00');
        expect(await site.runs()).toEqual(['12:00 started 1', '13:00 failed 0']);
        const [gone, twice] = await listRuns(site.db, site.scheduleId);
        expect(twice?.message).toMatch(/image-exists/);
        expect(twice?.notes).toContainEqual(
          expect.objectContaining({ code: 'refused', values: expect.objectContaining({ error: 'image-exists' }) }),
        );
        expect(gone?.message).toMatch(/scenario-not-found/);
      });
    }));
});

describe('a job that may begin in certain hours', () => {
  const windows = [{ days: [1, 2, 3, 4, 5, 6, 7], from: '15:00', to: '16:00', timeZone: 'Europe/Berlin' }];
  const states = async (site: Site) => (await site.jobs()).map(({ held }) => held);

  it('is held outside of them, and let go when they come', () =>
    withSite({ windows }, async (site) => {
      await site.tick('12:00:00');
      expect(await states(site)).toEqual(['window', 'window']);
      await holdOutside(site.db, at('13:00:00'));
      expect(await states(site)).toEqual([null, null]);
      await holdOutside(site.db, at('14:00:00'));
      expect(await states(site)).toEqual(['window', 'window']);
    }));

  it('goes on outside of them once it has begun, also after its machine has booted anew, and is paused by people only', () =>
    withSite({ windows }, async (site) => {
      await site.tick('13:00:00');
      const [first, second] = await site.jobs();
      await changeJob(site.db, first?.id ?? '', { kind: 'hand-out', lease: { id: 'l', bootId: 'b' }, at: 'now' });
      await changeJob(site.db, second?.id ?? '', { kind: 'hold', reason: 'paused' });
      await holdOutside(site.db, at('20:00:00'));
      expect(await states(site)).toEqual([null, 'paused']);
      await changeJob(site.db, first?.id ?? '', { kind: 'lapse', at: 'now' });
      await holdOutside(site.db, at('20:00:01'));
      expect(await states(site)).toEqual([null, 'paused']);
    }));
});
