// PostgreSQL as the database of several servers: what they do at once happens once, and a job outlives its restarts and crashes.
import { randomBytes, randomUUID } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendJobLog, readJobLog } from '../../server/jobs/job-log.ts';
import { registerMachine } from '../../server/machines/register-machine.ts';
import { Site } from '../fixtures/agent/site.ts';
import { openByText } from '../fixtures/databases.ts';
import { createDatabase } from '../fixtures/postgres-databases.ts';
import { PostgresService } from '../fixtures/postgres-service.ts';

let service: PostgresService;
beforeAll(async () => {
  service = await PostgresService.start();
});
afterAll(() => service.remove());

describe('two servers on one database', () => {
  it('write a machine down once, and every line of a job', async () => {
    const place = await createDatabase(service.url('postgres'));
    // At once: the schema, too, is made by one of them.
    const both = await Promise.all([openByText(place), openByText(place)]);
    const sightings = Array.from({ length: 10 }, () => ({
      uuid: randomUUID(),
      serial: null,
      macs: [],
      address: '192.0.2.9',
      approvedBy: null,
    }));
    const machines = await Promise.all(
      sightings.flatMap((sighting) => both.map((db) => registerMachine(db, sighting))),
    );
    expect(new Set(machines.map((machine) => machine?.id)).size).toBe(sightings.length);
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i}\0`);
    await Promise.all(lines.map((line, i) => appendJobLog(both[i % 2] ?? both[0], 'job', 'info', line)));
    const kept = (await readJobLog(both[0], 'job')).map(({ message }) => message);
    expect(kept.toSorted()).toEqual(lines.map((line) => line.replace('\0', '\ufffd')).toSorted());
    await Promise.all(both.map((db) => db.destroy()));
  });
});

describe('a database that cannot be opened', () => {
  it('is named without its password', async () => {
    const wrong = service.url('postgres').replace(/:[^:@/]+@/, ':wrong-secret@');
    const failure = await openByText(wrong).catch((error: Error) => error);
    expect(failure).toMatchObject({ code: 'store-io', message: expect.stringContaining('127.0.0.1') });
    expect(String((failure as Error).message)).not.toContain('secret');
  });
});

describe('a job while PostgreSQL is restarted', () => {
  const sizeBytes = 128 * 2 ** 20;
  let site: Site;
  beforeAll(async () => {
    site = await Site.open(await createDatabase(service.url('postgres')));
    await writeFile(site.path('source'), '');
    await writeFile(site.path('target'), '');
    await truncate(site.path('target'), sizeBytes);
  });
  afterAll(() => site.close());

  it.each([
    ['stopped and started again', 'SIGINT'],
    ['crashed', 'SIGQUIT'],
  ] as const)(
    'goes on to its end: %s',
    async (_, signal) => {
      await site.killAgent();
      await writeFile(site.path('source'), randomBytes(sizeBytes));
      const image = `image of ${signal}`;
      const capture = { kind: 'capture', source: { by: 'number', number: 1 }, image };
      const restore = { kind: 'restore', image, target: { by: 'serial', serial: 'F2' } };
      // The machine is known once it has asked for its boot script; approved and without a job it would get none.
      const token = signal === 'SIGINT' ? await site.bootToken() : null;
      const id = await site.requestJob([capture, restore]);
      const { machineId } = await site.readJob(id);
      await site.api('PATCH', `/v1/machines/${machineId}`, { state: 'approved' });
      const boot = { token: token ?? (await site.bootToken()), bootId: randomUUID() };
      site.startAgent(boot, [site.path('source'), site.path('target')]);
      await site.isInTheMiddleOf('capture');
      await service.stop(signal);
      await sleep(2000);
      await service.resume();
      const job = await site.jobEnds(id);
      expect(job).toMatchObject({ state: 'succeeded', error: null });
      expect(job.results[1]?.figures).toMatchObject({ bytesVerified: sizeBytes });
    },
    90_000,
  );
});
