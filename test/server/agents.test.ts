import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Job, Machine, Scenario } from '../../protocol/rest.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { eventually, TestServer, uuidA, uuidB } from './support.ts';

async function makeScenario(server: TestServer, name: string, end = 'wait'): Promise<Scenario> {
  return server.api('POST', '/v1/scenarios', { name, steps: [{ kind: 'check' }], end });
}

async function makeMachine(server: TestServer, uuid: string): Promise<Machine> {
  await server.bootToken(uuid);
  const machines = await server.machines();
  const machine = machines[0] as Machine;
  return server.api('PATCH', `/v1/machines/${machine.id}`, { state: 'approved' });
}

/** A machine with a job that its agent runs. */
async function runningJob(server: TestServer, end = 'wait') {
  await server.bootToken(uuidA);
  const token = await server.bootToken(uuidA);
  const machine = await makeMachine(server, uuidA);
  await makeScenario(server, 'look', end);
  const job = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machine.id });
  const facts = { port: server.running.port, token, uuid: uuidA, bootId: randomUUID() };
  const agent = await ScriptedAgent.join(facts);
  const handed = await agent.next('job');
  return { machine, job, agent, handed, facts };
}

describe.concurrent('an agent', () => {
  it('of an unknown machine is told to wait, and gets its job as soon as the machine is approved', async () => {
    await using server = await TestServer.start();
    const token = await server.bootToken(uuidA);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    expect((await agent.next('welcome')).state).toBe('pending');
    const [machine] = await server.machines();
    expect(machine).toMatchObject({ state: 'pending', online: true, name: '52-54-00-00-00-01' });
    expect(machine?.inventory?.smbios.uuid).toBe(uuidA);

    await makeScenario(server, 'look');
    const job = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
    expect(await agent.gets('job', 1500)).toBe(false);
    expect((await server.job(job.id)).state).toBe('queued');

    await server.api('PATCH', `/v1/machines/${machine?.id}`, { name: '経理 03' });
    expect(await agent.next('state')).toEqual({ type: 'state', state: 'pending', machineName: '経理 03' });
    await server.api('PATCH', `/v1/machines/${machine?.id}`, { state: 'approved' });
    expect(await agent.next('state')).toEqual({ type: 'state', state: 'approved' });
    const handed = await agent.next('job');
    expect(handed).toMatchObject({ jobId: job.id, scenarioName: 'look', steps: [{ kind: 'check' }], end: 'wait' });
    agent.cut();
    await eventually(async () => (await server.machines())[0]?.online === false);
  });

  it('reports progress and a result, which the API shows', async () => {
    await using server = await TestServer.start();
    const { agent, handed, job } = await runningJob(server);
    agent.progress(handed, 40);
    const shown = await eventually(async () => (await server.job(job.id)).progress ?? undefined);
    expect(shown).toMatchObject({ phase: 'capture', bytesDone: 40, bytesTotal: 100 });
    agent.send({ type: 'log', jobId: job.id, level: 'warning', message: 'a sector was slow' });
    agent.done(handed);
    await agent.next('doneReceived');
    expect(await server.job(job.id)).toMatchObject({ state: 'succeeded', error: null });
    const log = await server.api<{ message: string }[]>('GET', `/v1/jobs/${job.id}/log`);
    expect(log.map((entry) => entry.message)).toContain('a sector was slow');
  });

  it('that lost its connection goes on with its job under the same lease', async () => {
    await using server = await TestServer.start();
    const { agent, handed, job, facts } = await runningJob(server);
    agent.cut();
    const again = await ScriptedAgent.join(facts, handed);
    expect((await again.next('welcome')).continueJob).toBe(true);
    again.done(handed);
    await again.next('doneReceived');
    expect((await server.job(job.id)).state).toBe('succeeded');
  });

  it('goes on with its job after the server was stopped and started', async () => {
    await using server = await TestServer.start();
    const { agent, handed, job, facts } = await runningJob(server);
    await server.restart();
    await agent.until(() => agent.closed);
    const again = await ScriptedAgent.join(facts, handed);
    expect((await again.next('welcome')).continueJob).toBe(true);
    again.done(handed);
    await again.next('doneReceived');
    expect((await server.job(job.id)).state).toBe('succeeded');
  });

  it('may say done again when the answer was lost, and gets no other job in between', async () => {
    await using server = await TestServer.start();
    const { agent, handed, job, facts, machine } = await runningJob(server, 'reboot');
    agent.done(handed);
    await agent.next('doneReceived');
    agent.cut();
    await server.api('POST', '/v1/jobs', { scenario: 'look', machine: machine.id });
    const again = await ScriptedAgent.join(facts, handed);
    expect((await again.next('welcome')).continueJob).toBe(false);
    again.done(handed, { code: 'internal', message: 'not the first word' });
    await again.next('doneReceived');
    expect(await again.gets('job', 1500)).toBe(false);
    expect((await server.job(job.id)).state).toBe('succeeded');
  });

  it('of a machine that booted anew is handed the same job under a new lease, and the old boot is locked out', async () => {
    await using server = await TestServer.start();
    const { agent, handed, job, facts } = await runningJob(server);
    const token = await server.bootToken(uuidA);
    const booted = await ScriptedAgent.join({ port: facts.port, token, uuid: uuidA });
    const again = await booted.next('job');
    expect(again.jobId).toBe(job.id);
    expect(again.leaseId).not.toBe(handed.leaseId);
    await agent.until(() => agent.closed);
    await expect(ScriptedAgent.open(facts)).rejects.toThrow('401');
  });

  it('whose lease went to another boot has its result ignored', async () => {
    await using server = await TestServer.start();
    const { handed, job, facts } = await runningJob(server);
    const token = await server.bootToken(uuidA);
    const booted = await ScriptedAgent.join({ port: facts.port, token, uuid: uuidA });
    await booted.next('job');
    booted.done(handed);
    await booted.next('doneReceived');
    expect((await server.job(job.id)).state).toBe('running');
  });

  it('runs two jobs of one machine one after the other', async () => {
    await using server = await TestServer.start();
    const { agent, handed, machine } = await runningJob(server);
    const second = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machine.name });
    expect(await agent.gets('job', 1500)).toBe(false);
    agent.done(handed);
    expect((await agent.next('job')).jobId).toBe(second.id);
  });

  it('is told to stand still and to go on, also when it was away meanwhile', async () => {
    await using server = await TestServer.start();
    const { agent, handed, job, facts } = await runningJob(server);
    const paused = await server.api<Job>('POST', `/v1/jobs/${job.id}/pause`);
    expect(paused).toMatchObject({ state: 'running', held: 'paused', waitsFor: 'paused by a person' });
    // False was said after the hand-out, or is not said at all.
    await agent.until(() => agent.received.some((message) => message.type === 'pause' && message.paused));
    agent.cut();
    await server.api<Job>('POST', `/v1/jobs/${job.id}/resume`);
    const again = await ScriptedAgent.join(facts, handed);
    expect(await again.next('pause')).toMatchObject({ jobId: job.id, paused: false });
    expect(await server.job(job.id)).toMatchObject({ state: 'running', held: null, waitsFor: null });
  });

  it('gets the next job while one waits with a hold, and that one when it is let go', async () => {
    await using server = await TestServer.start();
    const { agent, handed, machine } = await runningJob(server);
    const ask = () => server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machine.id });
    const [second, third] = [await ask(), await ask()];
    expect(second.waitsFor).toBe(`job ${handed.jobId} of ${machine.name} comes first`);
    expect(second.wait).toEqual({ code: 'job-first', values: { job: handed.jobId, machine: machine.name } });
    await server.api('POST', `/v1/jobs/${second.id}/pause`);
    agent.done(handed);
    const next = await agent.next('job');
    expect(next.jobId).toBe(third.id);
    await server.api('POST', `/v1/jobs/${second.id}/resume`);
    agent.done(next);
    expect((await agent.next('job')).jobId).toBe(second.id);
  });

  it('that is asked to stop ends its job as cancelled', async () => {
    await using server = await TestServer.start();
    const { agent, handed, job } = await runningJob(server);
    const asked = await server.api<Job>('POST', `/v1/jobs/${job.id}/cancel`);
    expect(asked).toMatchObject({ state: 'running', cancelRequested: true });
    expect((await agent.next('cancel')).jobId).toBe(job.id);
    agent.done(handed, { code: 'cancelled', message: 'cancelled' });
    await agent.next('doneReceived');
    expect((await server.job(job.id)).state).toBe('cancelled');
  });

  it('loses its lease after a long silence, and may still come back to it', async () => {
    await using server = await TestServer.start({ leaseSeconds: 1 });
    const { agent, handed, job, facts } = await runningJob(server);
    agent.cut();
    await eventually(async () => (await server.job(job.id)).state === 'queued');
    const again = await ScriptedAgent.join(facts, handed);
    expect((await again.next('welcome')).continueJob).toBe(true);
    expect((await server.job(job.id)).state).toBe('running');
  });

  it('keeps its lease while it is connected, however long it says nothing', async () => {
    await using server = await TestServer.start({ leaseSeconds: 1 });
    const { job } = await runningJob(server);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect((await server.job(job.id)).state).toBe('running');
  });

  it('with a token that another boot used is refused', async () => {
    await using server = await TestServer.start();
    const token = await server.bootToken(uuidA);
    const facts = { port: server.running.port, token, uuid: uuidA };
    const first = await ScriptedAgent.join(facts);
    await first.next('welcome');
    await expect(ScriptedAgent.open({ ...facts, bootId: randomUUID() })).rejects.toThrow('401');
    await expect(ScriptedAgent.open({ ...facts, token: 'dbt_made-up' })).rejects.toThrow('401');
  });

  it('that speaks another protocol, or no msgpack, is refused by name', async () => {
    await using server = await TestServer.start();
    const token = await server.bootToken(uuidA);
    const facts = { port: server.running.port, token, uuid: uuidA, bootId: randomUUID() };
    const newer = await ScriptedAgent.open(facts);
    newer.hello(undefined, 99);
    expect((await newer.next('refused')).error.code).toBe('protocol-version');
    const babbling = await ScriptedAgent.open(facts);
    babbling.sendRaw(Buffer.from([0xc1, 0xff, 0x00]));
    expect((await babbling.next('refused')).error.code).toBe('invalid-input');
    await babbling.until(() => babbling.closed);
  });

  it('is taken at once where the policy approves all machines', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const token = await server.bootToken(uuidB);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidB });
    expect((await agent.next('welcome')).state).toBe('approved');
  });
});
