// Databases as servers of earlier versions left them, kept as SQL: a server of this version goes on with all that is in them, as one that was upgraded.
// 001 is the first schema there was, of before PostgreSQL; 006 has people and the audit log, too.
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import DatabaseFile from 'better-sqlite3';
import { sql } from 'kysely';
import { Client } from 'pg';
import { expect, inject, it } from 'vitest';
import { auditPageSchema, type User } from '../../protocol/people.ts';
import type { Job, Machine, Scenario } from '../../protocol/rest.ts';
import { migrations } from '../../server/database/migrations.ts';
import { emptyDatabase, openByText } from '../fixtures/databases.ts';
import { TestServer } from './support.ts';

const dialect = inject('postgresUrl') === undefined ? 'sqlite' : 'postgres';
const kept = { sqlite: ['001', '006'], postgres: ['006'] }[dialect];

/** Answers the place of a database as it was. */
async function load(name: string, folder: string): Promise<string> {
  const text = readFileSync(path.join(import.meta.dirname, `../fixtures/old-databases/${name}.${dialect}.sql`), 'utf8');
  const place = await emptyDatabase(folder);
  if (dialect === 'sqlite') {
    const file = new DatabaseFile(place.slice('sqlite:'.length));
    // Rows stand before those that they refer to.
    file.pragma('foreign_keys = OFF');
    file.exec(text);
    file.close();
  } else {
    const client = new Client({ connectionString: place });
    await client.connect();
    await client.query(text);
    await client.end();
  }
  return place;
}

it.each(kept)('%s: machines, scenarios, jobs and people are there, and can be worked with', async (name) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-old-database-'));
  const database = await load(name, folder);
  {
    await using server = await TestServer.start({ database });
    const machines = await server.api<Machine[]>('GET', '/v1/machines');
    expect(machines.map((machine) => machine.name).toSorted()).toEqual(['52-54-00-77-00-02', 'line-7']);
    const scenarios = await server.api<Scenario[]>('GET', '/v1/scenarios');
    expect(scenarios.map((scenario) => scenario.name).toSorted()).toEqual(['nightly', 'reset']);
    const jobs = await server.api<Job[]>('GET', '/v1/jobs');
    const [queued, cancelled] = jobs;
    expect(queued).toMatchObject({ scenarioName: 'nightly', state: 'queued', machineName: 'line-7' });
    expect(cancelled).toMatchObject({ state: 'cancelled' });
    const log = await server.api<{ message: string }[]>('GET', `/v1/jobs/${cancelled?.id}/log`);
    expect(log.map(({ message }) => message)).toEqual(['cancellation asked for']);
    if (name !== '001') {
      expect(await server.api<User[]>('GET', '/v1/users')).toMatchObject([{ name: 'hanako', role: 'administrator' }]);
      const { entries } = auditPageSchema.parse(await server.api('GET', '/v1/audit'));
      expect(entries.map(({ action }) => action)).toContain('POST /v1/users');
    }
    // A machine of then boots, and has its name.
    await server.bootToken('5d0b1a4e-0001-4000-8000-000000000001', '52:54:00:77:00:01');
    expect(await server.api<Machine[]>('GET', '/v1/machines')).toHaveLength(2);
    await server.api('POST', `/v1/jobs/${queued?.id}/cancel`);
    const again = { scenario: 'nightly', machine: queued?.machineId };
    expect(await server.api<Job>('POST', '/v1/jobs', again)).toMatchObject({ state: 'queued' });
    await server.api('POST', '/v1/groups', { name: 'hall' });
  }
  const db = await openByText(database);
  const { rows } = await sql<{ name: string }>`select name from kysely_migration order by name`.execute(db);
  expect(rows.map((row) => row.name)).toEqual(Object.keys(migrations));
  await db.destroy();
  await rm(folder, { recursive: true });
});
