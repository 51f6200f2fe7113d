import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DiskCheck, diskCheckPageSchema, diskCheckSchema } from '../../protocol/disk-check.ts';
import type { Job, Machine } from '../../protocol/rest.ts';
import { countKept, recordRegistration } from '../../server/disk-checks/record-check.ts';
import { registerMachine } from '../../server/machines/register-machine.ts';
import { makeChecked, unread } from '../fixtures/checked-disks.ts';
import { newDatabase, openByText } from '../fixtures/databases.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { errorCode, eventually, makeInventory, TestServer, uuidA } from './support.ts';

const two = [makeChecked(1), makeChecked(2)];

/** A machine that has registered without a disk, and asks for jobs. */
async function join(server: TestServer) {
  const agent = await ScriptedAgent.join({
    ...{ port: server.running.port, token: await server.bootToken(uuidA), uuid: uuidA },
  });
  await agent.next('welcome');
  const [machine] = (await server.machines()) as [Machine];
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  return { agent, machine, path: `/v1/machines/${machine.id}` };
}

const result = (disks: readonly object[]) => ({
  ...{ kind: 'check' as const, figures: {}, secondsByPhase: {}, warnings: ['a sector was slow'] },
  disks: disks as typeof two,
});

/** Runs a job that finds these disks. */
async function check(server: TestServer, agent: ScriptedAgent, disks: readonly object[], path: string) {
  const machine = path.split('/').at(-1);
  const job = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine });
  const handed = await agent.next('job');
  const done = { type: 'done' as const, jobId: handed.jobId, leaseId: handed.leaseId, results: [result(disks)] };
  agent.send(done);
  await agent.next('doneReceived');
  return { job, done };
}

describe.concurrent('the disks of a machine', () => {
  it('are kept for each check job, with what differs from the check before', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const { agent, path } = await join(server);
    await check(server, agent, two, path);
    const first = diskCheckSchema.parse(await server.api('GET', `${path}/disks`));
    expect(first).toMatchObject({ kind: 'check', diskCount: 2, before: { kind: 'registration' } });
    expect(first.disks).toEqual(two);

    const { job } = await check(server, agent, [two[1] as object], path);
    const second = await server.api<DiskCheck>('GET', `${path}/disks`);
    expect(second).toMatchObject({ jobId: job.id, before: { id: first.id, kind: 'check' } });
    expect(second.differences.map(({ kind, diskId }) => [kind, diskId])).toEqual([['gone', 'serial-QEMU-S1']]);
    expect(await server.api('GET', `${path}/disk-checks/${first.id}`)).toEqual(first);

    const gone = expect.stringContaining('serial S1, 8.0 GiB, id serial-QEMU-S1) is gone');
    const { results } = await server.job(job.id);
    const warnings = { warnings: ['a sector was slow', gone], differences: second.differences };
    expect(results).toEqual([{ ...result([]), disks: undefined, ...warnings }]);
    await eventually(async () => {
      const log = await server.api<{ level: string; message: string }[]>('GET', `/v1/jobs/${job.id}/log`);
      return log.some(({ level, message }) => level === 'warning' && message.endsWith('is gone'));
    });
  });

  it('are kept once when the answer to the agent was lost and it says again what it found', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const { agent, path } = await join(server);
    const { done } = await check(server, agent, two, path);
    agent.send({ ...done, results: [result([])] });
    await agent.next('doneReceived');
    const { checks } = diskCheckPageSchema.parse(await server.api('GET', `${path}/disk-checks`));
    expect(checks.map(({ kind, diskCount }) => [kind, diskCount])).toEqual([
      ['check', 2],
      ['registration', 0],
    ]);
  });

  it('are kept when they come or go while the machine waits, and shown with it', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const { agent, machine, path } = await join(server);
    const { map: _, tablesDigest: _digest, readError: _error, health: _health, ...disk } = two[0] as (typeof two)[0];
    const inventory = { ...makeInventory(uuidA), disks: [disk] };
    agent.send({ type: 'inventory', inventory });
    agent.send({ type: 'inventory', inventory });
    await eventually(async () => (await server.machines())[0]?.inventory?.disks.length === 1);
    const job = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machine.id });
    agent.done(await agent.next('job'));
    await agent.next('doneReceived');
    expect(job.id).toBeTruthy();
    const { checks } = diskCheckPageSchema.parse(await server.api('GET', `${path}/disk-checks`));
    expect(checks.map(({ kind, diskCount }) => [kind, diskCount])).toEqual([
      ['registration', 1],
      ['registration', 0],
    ]);
  });

  it('are not kept when the lease was lost', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const { agent, machine, path } = await join(server);
    await server.api('POST', '/v1/jobs', { scenario: 'look', machine: machine.id });
    const { jobId } = await agent.next('job');
    agent.send({ type: 'done', jobId, leaseId: 'another', results: [result(two)] });
    await agent.next('doneReceived');
    expect(await server.api('GET', `${path}/disks`)).toMatchObject({ kind: 'registration', disks: [] });
  });

  it('come in pages, as JSON and as CSV by query or by Accept', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const { agent, path } = await join(server);
    for (const disks of [two, [], two]) await check(server, agent, disks, path);
    const page = async (query: string) =>
      diskCheckPageSchema.parse(await server.api('GET', `${path}/disk-checks?${query}`));
    const { checks: all, next: none } = await page('');
    expect([all.length, none]).toEqual([4, null]);
    const { checks, next } = await page('limit=3');
    expect(checks).toEqual(all.slice(0, 3));
    expect(await page(`limit=3&before=${next}`)).toEqual({ checks: all.slice(3), next: null });

    const get = (target: string, accept?: string) =>
      server.tls(target, { headers: { ...server.operator, ...(accept === undefined ? {} : { accept }) } });
    for (const answer of [await get(`${path}/disks?format=csv`), await get(`${path}/disks`, 'text/csv')]) {
      expect(answer.headers['content-type']).toContain('text/csv');
      expect(answer.body.toString()).toMatch(/^row,disk,id,.*\r\ndisk,1,serial-QEMU-S1,/);
    }
    expect((await get(`${path}/disk-checks?format=csv`)).body.toString().split('\r\n')).toHaveLength(6);
    expect((await get(`${path}/disks?format=json`, 'text/csv')).headers['content-type']).toContain('json');
    for (const query of ['limit=0', 'limit=201', 'limit=x', 'format=xml']) {
      expect(errorCode(await get(`${path}/disk-checks?${query}`))).toBe('invalid-input');
    }
  });

  it('that nobody knows are an error, and they go with their machine', async () => {
    await using server = await TestServer.start();
    await server.bootToken(uuidA);
    const [machine] = (await server.machines()) as [Machine];
    const get = (target: string) => server.tls(target, { headers: server.operator });
    expect(errorCode(await get(`/v1/machines/${machine.id}/disks`))).toBe('check-not-found');
    expect(errorCode(await get(`/v1/machines/${machine.id}/disk-checks/nothing`))).toBe('check-not-found');
    expect(errorCode(await get('/v1/machines/nobody/disks'))).toBe('machine-not-found');
    expect((await server.tls(`/v1/machines/${machine.id}/disks`)).status).toBe(401);
    const agent = await ScriptedAgent.join({
      ...{ port: server.running.port, token: await server.bootToken(uuidA), uuid: uuidA },
    });
    await agent.next('welcome');
    expect((await get(`/v1/machines/${machine.id}/disks`)).status).toBe(200);
    await server.api('DELETE', `/v1/machines/${machine.id}`);
    expect(errorCode(await get(`/v1/machines/${machine.id}/disks`))).toBe('machine-not-found');
  });
});

describe('registrations', () => {
  it('are kept when the disks differ from the newest entry, and only the newest 200; one while nobody has approved the machine', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'deploy-os-checks-'));
    const db = await openByText(await newDatabase(folder));
    const machine = await registerMachine(db, {
      uuid: uuidA,
      serial: null,
      macs: [],
      address: '192.0.2.9',
      approvedBy: {},
    });
    if (machine === null) throw new Error('no machine');
    const count = async () => (await db.selectFrom('diskChecks').select('id').execute()).length;
    const says = (disks: typeof two) => recordRegistration(db, machine, { ...makeInventory(uuidA), disks }.disks);
    await says(two);
    await says(unread(two).toReversed());
    await says(two.map((disk) => ({ ...disk, kernelName: 'other', devicePath: '/dev/other', linkSpeed: '3.0 Gbps' })));
    expect(await count()).toBe(1);
    const [first] = await db.selectFrom('diskChecks').selectAll().execute();
    if (first === undefined) throw new Error('no entry');
    const older = Array.from({ length: 205 }, (_, i) => ({ ...first, id: `0${String(i).padStart(3, '0')}` }));
    await db.insertInto('diskChecks').values(older).execute();
    await says(two.slice(1));
    const kept = await db.selectFrom('diskChecks').select('id').orderBy('id').execute();
    expect([kept.length, kept[0]?.id]).toEqual([200, '0007']);
    await recordRegistration(db, { ...machine, state: 'pending' }, two);
    expect(await count()).toBe(1);
    await db.destroy();
    await rm(folder, { recursive: true });
  });

  it('of a machine with very many disks are kept as far as 64 MiB go, the newest in any case', () => {
    const mib = 2 ** 20;
    expect(countKept([mib, 2 * mib], 200)).toBe(2);
    expect(countKept([1, 1, 1], 2)).toBe(2);
    expect(countKept([32 * mib, 32 * mib, 1], 200)).toBe(2);
    expect(countKept([100 * mib, 1], 200)).toBe(1);
  });
});
