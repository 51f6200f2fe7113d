import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { appendJobLog, readJobLog } from '../../server/jobs/job-log.ts';
import { requestJob } from '../../server/jobs/request-job.ts';
import { registerMachine } from '../../server/machines/register-machine.ts';
import { newId } from '../../server/new-id.ts';
import { createScenario } from '../../server/scenarios/scenarios.ts';
import { emptyDatabase, openByText } from '../fixtures/databases.ts';
import { uuidA } from './support.ts';

const look = { name: 'look', parameters: [], steps: [{ kind: 'check' as const }], end: 'wait' as const };

/** `place` is what `--database` takes, of an empty database. */
async function withDatabase(work: (place: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-database-'));
  try {
    await work(await emptyDatabase(folder));
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('the database', () => {
  it('in a file is safe against power cuts', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-database-'));
    const db = await openByText(`sqlite:${folder}/test.sqlite`);
    const pragma = async (name: string) =>
      Object.values((await sql.raw(`pragma ${name}`).execute(db)).rows[0] as object);
    expect([await pragma('journal_mode'), await pragma('synchronous')]).toEqual([['wal'], [2]]);
    await db.destroy();
    await rm(folder, { recursive: true });
  });

  it('is opened again as it was left', async () => {
    await withDatabase(async (place) => {
      const db = await openByText(place);
      await createScenario(db, look);
      await db.destroy();
      const again = await openByText(place);
      await expect(createScenario(again, look)).rejects.toMatchObject({ code: 'scenario-exists' });
      await again.destroy();
    });
  });

  it('of a newer version is refused and left alone', async () => {
    await withDatabase(async (place) => {
      const db = await openByText(place);
      await sql`insert into kysely_migration (name, timestamp) values ('999-later', '2030')`.execute(db);
      await db.destroy();
      await expect(openByText(place)).rejects.toMatchObject({ code: 'store-version' });
    });
  });

  it('that is none is refused by name', async () => {
    await expect(openByText('sqlite:/dev/null/x')).rejects.toMatchObject({ code: 'store-io' });
  });

  it('lets no machine run two jobs at once', async () => {
    await withDatabase(async (place) => {
      const db = await openByText(place);
      const machine = await registerMachine(db, {
        uuid: uuidA,
        serial: null,
        macs: [],
        address: '192.0.2.9',
        approvedBy: {},
      });
      const scenario = await createScenario(db, look);
      if (machine === null) throw new Error('no machine');
      for (let i = 0; i < 2; i++) await requestJob(db, { scenario: { ...scenario, values: {} }, machine });
      const running = db.updateTable('jobs').set({ state: 'running' }).execute();
      await expect(running).rejects.toThrow(/unique/i);
      await db.destroy();
    });
  });

  it('keeps the newest entries of a long job log', async () => {
    await withDatabase(async (place) => {
      const db = await openByText(place);
      await db
        .insertInto('jobLog')
        .values({ jobId: 'j', number: 5000, at: 'x', level: 'info', message: 'old' })
        .execute();
      await db
        .insertInto('jobLog')
        .values({ jobId: 'j', number: 1, at: 'x', level: 'info', message: 'oldest' })
        .execute();
      await appendJobLog(db, 'j', 'info', 'new');
      expect((await readJobLog(db, 'j')).map((entry) => entry.message)).toEqual(['old', 'new']);
      await db.destroy();
    });
  });
});

describe('ids', () => {
  it('are unique and in order of their making', () => {
    const ids = Array.from({ length: 2000 }, () => newId());
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(2000);
    expect(ids[0]).toMatch(/^[0-9a-z]{16}$/);
  });
});
