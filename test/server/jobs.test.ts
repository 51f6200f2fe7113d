// Jobs as people ask for them: on many machines, once however often they say it, again when it failed; and the lists of them.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Batch } from '../../protocol/batches.ts';
import type { Job, JobReport } from '../../protocol/rest.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { errorCode, TestServer } from './support.ts';

type BatchWithJobs = Batch & { jobs: Job[] };

/** Approved machines, by name. */
async function makeMachines(server: TestServer, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `52-54-00-00-00-${String(i + 10)}`);
  for (const name of names) {
    await server.bootToken(randomUUID(), name.replaceAll('-', ':'));
    await server.api('PATCH', `/v1/machines/${name}`, { state: 'approved' });
  }
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  return names;
}

const askBatch = (server: TestServer, body: object) =>
  server.api<BatchWithJobs>('POST', '/v1/batches', { scenario: 'look', ...body });

async function post(server: TestServer, path: string, body: object) {
  const headers = { ...server.operator, 'content-type': 'application/json' };
  return server.tls(path, { method: 'POST', headers, body: JSON.stringify(body) });
}

describe('a batch', () => {
  it('is a job for each machine that is named or in the group, and once when it is asked for twice', async () => {
    await using server = await TestServer.start();
    const names = await makeMachines(server, 4);
    await server.api('POST', '/v1/groups', { name: 'room 1', rules: [] });
    await server.api('POST', '/v1/groups/room%201/members', { add: [names[1], names[2]] });
    const asked = { machines: [names[0], names[1]], group: 'room 1', key: 'monday' };
    // At once: a proxy that sends again does not wait for the first answer.
    const [batch, same] = await Promise.all([askBatch(server, asked), askBatch(server, asked)]);
    expect(same.id).toBe(batch.id);
    expect(batch.jobs.map(({ machineName }) => machineName).toSorted()).toEqual(names.slice(0, 3));
    expect(await server.api<Job[]>('GET', '/v1/jobs')).toHaveLength(3);
    expect(batch).toMatchObject({ requestedBy: 'operator token', counts: { queued: 3, running: 0, held: 0 } });
    const other = await post(server, '/v1/batches', { scenario: 'look', machines: [names[3]], key: 'monday' });
    expect(errorCode(other)).toBe('invalid-input');
    const { batches } = await server.api<{ batches: Batch[] }>('GET', '/v1/batches');
    expect(batches.map(({ id, counts }) => [id, counts.queued])).toEqual([[batch.id, 3]]);
  });

  it('is none at all when one machine of it is not known', async () => {
    await using server = await TestServer.start();
    const [name] = await makeMachines(server, 1);
    const answer = await post(server, '/v1/batches', { scenario: 'look', machines: [name, 'nobody'] });
    expect(errorCode(answer)).toBe('machine-not-found');
    expect(errorCode(await post(server, '/v1/batches', { scenario: 'look' }))).toBe('invalid-input');
    expect(await server.api('GET', '/v1/jobs')).toEqual([]);
  });

  it('is paused, let go on and cancelled as a whole', async () => {
    await using server = await TestServer.start();
    const names = await makeMachines(server, 3);
    const { id, jobs } = await askBatch(server, { machines: names });
    await server.api('POST', `/v1/jobs/${jobs[0]?.id}/cancel`);
    const act = (verb: string) => server.api<BatchWithJobs>('POST', `/v1/batches/${id}/${verb}`);
    expect((await act('pause')).counts).toMatchObject({ queued: 2, held: 2, cancelled: 1 });
    expect((await act('resume')).counts).toMatchObject({ queued: 2, held: 0, cancelled: 1 });
    expect((await act('cancel')).counts).toMatchObject({ queued: 0, cancelled: 3 });
    expect(errorCode(await post(server, '/v1/batches/nothing/cancel', {}))).toBe('batch-not-found');
  });
});

describe('a job', () => {
  it('that failed is asked for again in a job of its own; one that waits is not', async () => {
    await using server = await TestServer.start();
    const [name = ''] = await makeMachines(server, 1);
    const job = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: name });
    expect(errorCode(await post(server, `/v1/jobs/${job.id}/retry`, {}))).toBe('job-state');
    await server.api('POST', `/v1/jobs/${job.id}/cancel`);
    const again = await server.api<Job>('POST', `/v1/jobs/${job.id}/retry`);
    expect(again).toMatchObject({ retryOf: job.id, state: 'queued', machineName: name, scenarioName: 'look' });
    expect(again.id).not.toBe(job.id);
  });

  it('is asked for once with one key', async () => {
    await using server = await TestServer.start();
    const [machine = ''] = await makeMachines(server, 1);
    const ask = () => server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine, key: 'k1' });
    const jobs = [...(await Promise.all([ask(), ask()])), await ask()];
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect(await server.api('GET', '/v1/jobs')).toHaveLength(1);
  });

  it('that failed by its network waits a while and is tried again, and its report says so', async () => {
    await using server = await TestServer.start();
    const uuid = randomUUID();
    const [machine] = await makeMachines(server, 1);
    const token = await server.bootToken(uuid);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid });
    const { machineId } = await agent.next('welcome');
    await server.api('PATCH', `/v1/machines/${machineId}`, { state: 'approved' });
    const asked = { scenario: 'look', machine: machineId, retries: 2 };
    const job = await server.api<Job>('POST', '/v1/jobs', asked);
    agent.done(await agent.next('job'), { code: 'server-unreachable', message: 'the server is gone' });
    await agent.next('doneReceived');
    const waiting = await server.job(job.id);
    expect(waiting).toMatchObject({ state: 'queued', retries: 1, error: null });
    expect(waiting.waitsFor).toBe(`not before ${waiting.notBefore}`);
    expect(await agent.gets('job', 1500)).toBe(false);
    const report = await server.api<JobReport>('GET', `/v1/jobs/${job.id}/report`);
    expect(report).toMatchObject({ steps: [{ kind: 'check' }], end: 'wait', handOuts: 1, approvedDisks: null });
    expect(report.log.map(({ message }) => message).join('\n')).toContain('the server is gone; tried again after');
    expect(machine).toBeDefined();
  });
});

describe('the list of jobs', () => {
  it('has pages and filters, newest last, and is a table for spreadsheets', async () => {
    await using server = await TestServer.start();
    const names = await makeMachines(server, 2);
    const batch = await askBatch(server, { machines: names });
    const single = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: names[1] });
    await server.api('POST', `/v1/jobs/${single.id}/cancel`);
    const ids = async (query: string) => (await server.api<Job[]>('GET', `/v1/jobs?${query}`)).map(({ id }) => id);
    const all = [...batch.jobs.map(({ id }) => id), single.id];
    expect(await ids('')).toEqual(all);
    expect(await ids('limit=2')).toEqual(all.slice(1));
    expect(await ids(`limit=2&before=${all[1]}`)).toEqual(all.slice(0, 1));
    expect(await ids('state=cancelled')).toEqual([single.id]);
    expect(await ids(`batch=${batch.id}`)).toEqual(all.slice(0, 2));
    expect(await ids(`machine=${names[0]}`)).toEqual([all[0]]);
    expect(await ids('since=2999-01-01T00:00:00Z')).toEqual([]);
    const csv = (await server.tls('/v1/jobs?format=csv', { headers: server.operator })).body.toString().split('\r\n');
    expect(csv[0]).toContain('job,batch,retry_of,scenario,machine_id,machine,requested_by,state');
    expect(csv.slice(1).filter((line) => line.includes(batch.id))).toHaveLength(2);
  });
});
