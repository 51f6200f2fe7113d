// The server's clock is set while jobs run. Only what it reads is changed here; a server whose kernel tells it another time is in test/faults/clock-steps.test.ts.
import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Job } from '../../protocol/rest.ts';
import { ClockSteps } from '../../server/agents/clock-steps.ts';
import { SilentLeases } from '../../server/agents/silent-leases.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { eventually, TestServer, uuidA, uuidB } from './support.ts';

const dayMs = 24 * 3_600_000;

/** Sets the clock, and returns when the server's watch has seen that. */
async function setClock(server: TestServer, byMs: number): Promise<void> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + byMs });
  const today = new Date().toISOString().slice(0, 10);
  await eventually(async () => (await server.machines()).some(({ lastSeenAt }) => lastSeenAt?.startsWith(today)));
}
afterEach(() => {
  vi.useRealTimers();
});

async function joinAgent(server: TestServer, uuid: string): Promise<{ agent: ScriptedAgent; machineId: string }> {
  const facts = { port: server.running.port, token: await server.bootToken(uuid), uuid, bootId: randomUUID() };
  const agent = await ScriptedAgent.join(facts);
  const { machineId } = await agent.next('welcome');
  await server.api('PATCH', `/v1/machines/${machineId}`, { state: 'approved' });
  return { agent, machineId };
}

async function askFor(server: TestServer, machineId: string, more = {}): Promise<Job> {
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  return server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machineId, ...more });
}

describe('when the clock is set by a day', () => {
  it('no lease lapses, that of an agent which is just away neither, and who is connected stays so', async () => {
    await using server = await TestServer.start();
    const { agent, machineId } = await joinAgent(server, uuidA);
    const job = await askFor(server, machineId);
    await agent.next('job');
    const other = await joinAgent(server, uuidB);
    agent.cut();
    await eventually(async () => (await server.machines()).some(({ id, online }) => id === machineId && !online));
    for (const byMs of [dayMs, -2 * dayMs]) {
      await setClock(server, byMs);
      const machines = await server.machines();
      expect(machines.map(({ id, online }) => [id, online])).toContainEqual([other.machineId, true]);
      expect((await server.job(job.id)).state).toBe('running');
    }
  });

  it('back, a job that was put off for half a minute does not wait for a day', async () => {
    await using server = await TestServer.start();
    const { agent, machineId } = await joinAgent(server, uuidA);
    const job = await askFor(server, machineId, { retries: 1 });
    agent.done(await agent.next('job'), { code: 'server-unreachable', message: 'the server is gone' });
    await agent.next('doneReceived');
    expect((await server.job(job.id)).waitsFor).toMatch(/^not before /);
    await setClock(server, -dayMs);
    expect((await agent.next('job')).jobId).toBe(job.id);
  });
});

describe('a lease', () => {
  const job = { id: 'a', leaseHeardAt: '2026-11-28T12:00:00.000Z' };

  it('is silent once it has not been renewed for the time under this watch, whatever is written on it', () => {
    const leases = new SilentLeases();
    expect(leases.find([job], 1000, 0)).toEqual([]);
    expect(leases.find([job], 1000, 1000)).toEqual([]);
    expect(leases.find([job], 1000, 1001)).toEqual([job]);
    const renewed = { ...job, leaseHeardAt: '2026-11-27T12:00:00.000Z' };
    expect(leases.find([renewed], 1000, 1002)).toEqual([]);
    expect(leases.find([renewed], 1000, 2002)).toEqual([]);
    expect(leases.find([renewed], 1000, 2003)).toEqual([renewed]);
  });

  it('of a job that ran before begins anew', () => {
    const leases = new SilentLeases();
    leases.find([job], 1000, 0);
    leases.find([], 1000, 900);
    expect(leases.find([job], 1000, 1800)).toEqual([]);
  });
});

describe('a clock that is set', () => {
  it('is told from one that is slow, fast or looked at late', () => {
    const clock = new ClockSteps();
    const [wallMs, passedMs] = [Date.now(), performance.now()];
    expect(clock.read(wallMs + 100_000, passedMs + 100_000)).toBe(0);
    expect(clock.read(wallMs + 203_000, passedMs + 200_000)).toBe(0);
    expect(clock.read(wallMs + 206_000, passedMs + 200_000)).toBe(0);
    expect(clock.read(wallMs + dayMs, passedMs + 200_000)).toBeCloseTo(dayMs - 206_000, -3);
    expect(clock.read(wallMs + dayMs + 1000, passedMs + 201_000)).toBe(0);
    expect(clock.read(wallMs, passedMs + 201_000)).toBeCloseTo(-dayMs - 1000, -3);
  });
});
