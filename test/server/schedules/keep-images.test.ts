// Retention: of the images that a schedule's jobs have made, those that no rule keeps and nobody needs go, once.
import type { FastifyBaseLogger } from 'fastify';
import { expect, it } from 'vitest';
import { openMemoryStore } from '../../../imaging/store/memory-store.ts';
import type { Step } from '../../../protocol/scenario.ts';
import { scheduleBodySchema } from '../../../protocol/schedule.ts';
import { changeJob } from '../../../server/jobs/change-job.ts';
import { insertJob } from '../../../server/jobs/request-job.ts';
import { registerMachine } from '../../../server/machines/register-machine.ts';
import { createScenario } from '../../../server/scenarios/scenarios.ts';
import { keepImages } from '../../../server/schedules/keep-images.ts';
import { createSchedule } from '../../../server/schedules/schedules.ts';
import { chunkOf, tinyImage } from '../../conformance/store-conformance.ts';
import { newDatabase, openByText } from '../../fixtures/databases.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';
import { uuidA } from '../support.ts';

const log = { info: () => {} } as unknown as FastifyBaseLogger;
const signal = AbortSignal.timeout(60_000);
const capture = (image: string): Step => ({ kind: 'capture', source: { by: 'only' }, image });

it('deletes old images of the schedule, and neither those of others nor those that are needed', () =>
  withTempDirectory(async (folder) => {
    const db = await openByText(await newDatabase(folder));
    const store = openMemoryStore();
    const machine = await registerMachine(db, { uuid: uuidA, macs: [], address: '192.0.2.5', approvedBy: null });
    if (machine === null) throw new Error('no machine');
    const scenario = await createScenario(db, {
      name: 's',
      parameters: [],
      steps: [capture('web {date}')],
      end: 'wait',
    });
    const restore = { kind: 'restore', image: 'web {which}', target: { by: 'only' }, holes: 'discard' } as const;
    await createScenario(db, {
      name: 'r',
      parameters: [{ name: 'which', default: '1' }],
      steps: [{ ...restore, image: 'web 3' }],
      end: 'wait',
    });
    const when = { kind: 'cron', cron: '0 0 * * *', timeZone: 'UTC' };
    const body = { name: 'nightly', scenario: 's', machines: [machine.id], when, keep: { last: 2 } };
    const { id } = await createSchedule(db, scheduleBodySchema.parse(body), 'ann', 0);

    const make = async (image: string, day: number, mine = true, state: 'done' | 'failed' = 'done') => {
      const createdAt = `2026-11-${day}T10:00:00.000Z`;
      const { chunks, manifest } = tinyImage(image, chunkOf('x'), { serial: 'S1', createdAt });
      await store.putChunks(chunks);
      await store.putManifest(image, manifest);
      const prepared = { id: scenario.id, name: 's', end: 'wait' as const, steps: [capture(image)], values: {} };
      const of = mine ? { schedule: { id, windows: [] } } : {};
      const jobId = await insertJob(db, { scenario: prepared, machine, ...of });
      const at = new Date().toISOString();
      await changeJob(db, jobId, { kind: 'hand-out', lease: { id: 'l', bootId: 'b' }, at });
      const error = state === 'done' ? null : { code: 'internal', message: 'x' };
      await changeJob(db, jobId, { kind: 'done', leaseId: 'l', results: [], error, at });
    };
    await make('by hand', 10, false);
    for (const n of [1, 2, 3, 4]) await make(`web ${n}`, 10 + n);
    await make('web 5', 15);
    const names = async () => (await store.listManifests()).map(({ name }) => name);

    const both = await Promise.all([1, 2].map(() => keepImages({ db, store, log }, Date.now() + 1000, signal)));
    // 'web 3' is what another scenario restores.
    expect(both.flat().toSorted()).toEqual(['web 1', 'web 2']);
    expect(await names()).toEqual(['by hand', 'web 3', 'web 4', 'web 5']);
    const audit = await db.selectFrom('audit').select(['who', 'action', 'about']).orderBy('id').execute();
    expect(audit).toContainEqual({ who: 'schedule nightly', action: 'delete image', about: '{"name":"web 1"}' });

    // Nothing new has ended; and then something that failed.
    expect(await keepImages({ db, store, log }, Date.now() + 2000, signal)).toEqual([]);
    await db.updateTable('schedules').set({ prunedAt: new Date().toISOString() }).execute();
    await make('web 6', 16, true, 'failed');
    expect(await keepImages({ db, store, log }, Date.now() + 3000, signal)).toEqual([]);
    await db.destroy();
  }));
