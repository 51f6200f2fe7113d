// The server itself backed up while it works, and restored elsewhere: whoever knew it before goes on with it.
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../protocol/rest.ts';
import { backUp } from '../../server/backup/back-up.ts';
import { restoreServer } from '../../server/backup/restore-server.ts';
import { readServerConfig } from '../../server/config.ts';
import { startServer } from '../../server/start-server.ts';
import { emptyDatabase } from '../fixtures/databases.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { TestServer, uuidA } from './support.ts';

const password = 'correct horse battery';
const configOf = ({ dataDir, database }: TestServer) => readServerConfig({ data: dataDir, database });

/** A user with a login, and an agent in the middle of a job. */
async function atWork(server: TestServer) {
  await server.api('POST', '/v1/users', { name: 'ann', password, role: 'viewer' });
  const login = await server.api<{ token: string }>('POST', '/v1/sessions', { name: 'ann', password });
  const facts = { port: server.running.port, token: await server.bootToken(uuidA), uuid: uuidA, bootId: randomUUID() };
  const agent = await ScriptedAgent.join(facts);
  await agent.next('welcome');
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  const [machine] = await server.machines();
  const job = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
  return { login, facts, agent, job, handed: await agent.next('job') };
}

describe('a backup', () => {
  it('made under load is one moment of the server, and agents and tokens work with what is restored from it', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const { login, facts, agent, job, handed } = await atWork(server);
    const waiting = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: job.machineId });
    const [outFile, restored] = [path.join(server.dataDir, 'backup.tar'), path.join(server.dataDir, 'elsewhere')];
    await writeFile(path.join(server.dataDir, 'store/chunks/a-chunk'), 'x');
    // Somebody writes all the while.
    let writing = true;
    const load = (async () => {
      for (let i = 0; writing; i++) {
        agent.progress(handed, i % 100);
        await server.api('POST', '/v1/enrolments', { label: `load ${i}` });
      }
      return (await server.api<object[]>('GET', '/v1/enrolments')).length;
    })();
    await backUp({ config: configOf(server), outFile, images: false, bootFiles: false });
    writing = false;
    const made = await load;
    expect((await stat(outFile)).mode & 0o777).toBe(0o600);
    const { caFingerprint, operatorToken, port } = server.running;
    agent.cut();
    await server.running.close();

    await mkdir(path.join(server.dataDir, 'fresh'));
    const database = await emptyDatabase(path.join(server.dataDir, 'fresh'));
    const { database: location } = readServerConfig({ data: restored, database: place(database, restored) });
    const label = await restoreServer(outFile, restored, location);
    expect(label).toMatchObject({ format: 1, images: false });
    const names = await readdir(restored);
    expect(names).toEqual(expect.arrayContaining(['operator-token', 'secrets.key', 'tls']));
    expect(names.filter((name) => /^(store|boot|backup.*|.*\.pgdump)$/.test(name))).toEqual([]);
    server.running = await startServer(
      readServerConfig({
        data: restored,
        database: place(database, restored),
        listen: `127.0.0.1:${port}`,
        logLevel: 'silent',
      }),
    );
    expect([server.running.caFingerprint, server.running.operatorToken]).toEqual([caFingerprint, operatorToken]);
    const me = await server.tls('/v1/me', { headers: { authorization: `Bearer ${login.token}` } });
    expect(JSON.parse(me.body.toString())).toMatchObject({ name: 'ann' });
    const kept = (await server.api<object[]>('GET', '/v1/enrolments')).length;
    expect(kept).toBeLessThanOrEqual(made);
    // Either may have ended since the backup was made.
    expect(await server.job(waiting.id)).toMatchObject({ state: 'queued', held: 'paused' });
    expect(await server.job(job.id)).toMatchObject({ state: 'running', held: 'paused' });
    const again = await ScriptedAgent.join({ ...facts, port }, handed);
    expect((await again.next('welcome')).continueJob).toBe(true);
    again.done(handed);
    await again.next('doneReceived');
    expect((await server.job(job.id)).state).toBe('succeeded');
    expect((await server.job(waiting.id)).state).toBe('queued');
    await server.api('POST', `/v1/jobs/${waiting.id}/resume`);
    expect((await again.next('job')).jobId).toBe(waiting.id);
  });

  it('has the images if they are asked for, and never those of an S3 store', async () => {
    await using server = await TestServer.start();
    const outFile = path.join(server.dataDir, 'backup.tar');
    await mkdir(path.join(server.dataDir, 'store/chunks/aa'), { recursive: true });
    await writeFile(path.join(server.dataDir, 'store/chunks/aa/chunk'), 'bytes');
    await backUp({ config: configOf(server), outFile, images: true, bootFiles: false });
    const restored = path.join(server.dataDir, 'elsewhere');
    const database = await emptyDatabase(server.dataDir.concat('/store/tmp'));
    const { database: location } = readServerConfig({ data: restored, database: place(database, restored) });
    expect(await restoreServer(outFile, restored, location)).toMatchObject({ images: true });
    expect(await readdir(path.join(restored, 'store/chunks/aa'))).toEqual(['chunk']);
    const away = { ...configOf(server), storeLocation: 's3://bucket/prefix' };
    await expect(backUp({ config: away, outFile, images: true, bootFiles: false })).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it('goes into no directory that holds anything, and nothing else is taken for one', async () => {
    await using server = await TestServer.start();
    const file = path.join(server.dataDir, 'backup.tar');
    await writeFile(file, 'nothing of the kind');
    const { database } = configOf(server);
    await expect(restoreServer(file, server.dataDir, database)).rejects.toMatchObject({ code: 'target-exists' });
    const elsewhere = path.join(server.dataDir, 'elsewhere');
    await expect(restoreServer(file, elsewhere, database)).rejects.toMatchObject({ code: 'store-io' });
    expect(await readdir(server.dataDir)).not.toContain('elsewhere');
    const config = { ...configOf(server), dataDir: '/nowhere' };
    const nothing = backUp({ config, outFile: file, images: false, bootFiles: false });
    await expect(nothing).rejects.toMatchObject({ code: 'store-not-found' });
  });
});

/** A file is in the data directory; PostgreSQL's is another database. */
function place(database: string, dataDir: string): string {
  return database.startsWith('sqlite:') ? `sqlite:${dataDir}/deploy-os.sqlite` : database;
}
