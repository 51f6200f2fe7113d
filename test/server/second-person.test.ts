// Jobs that two people must agree to: what waits, who may agree, and to what exactly.
import { describe, expect, it } from 'vitest';
import type { AuditEntry, PersonToken } from '../../protocol/people.ts';
import type { MachinePlan } from '../../protocol/plan.ts';
import type { Job, Machine } from '../../protocol/rest.ts';
import { makeChecked } from '../fixtures/checked-disks.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { type Answer, errorCode, eventually, TestServer, uuidA } from './support.ts';

const password = 'correct horse battery';
const two = [makeChecked(1), makeChecked(2)];
const restore = { name: 'put', steps: [{ kind: 'restore', image: 'web', target: { by: 'number', number: 1 } }] };

/** Says something to the server as one user. */
type User = (method: string, target: string, body?: object) => Promise<Answer>;
const jobIn = (answer: Answer): Job => {
  if (answer.status >= 400) throw new Error(`${answer.status} ${answer.body}`);
  return JSON.parse(`${answer.body}`);
};

function speak(server: TestServer, token: string): User {
  return (method, target, body) => {
    const headers = {
      authorization: `Bearer ${token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    return server.tls(target, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  };
}

async function logIn(server: TestServer, name: string, role: string): Promise<User> {
  await server.api('POST', '/v1/users', { name, password, role });
  const { token } = await server.api<PersonToken & { token: string }>('POST', '/v1/sessions', { name, password });
  return speak(server, token);
}

async function begin(secondPerson = true) {
  const server = await TestServer.start({ approve: 'all', secondPerson });
  const [ann, bob] = [await logIn(server, 'ann', 'operator'), await logIn(server, 'bob', 'operator')];
  const agent = await join(server);
  const [machine] = (await server.machines()) as [Machine];
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  await server.addImage('web');
  await server.api('POST', '/v1/scenarios', { ...restore, end: 'wait' });
  const ask = async (who: User, more = {}) =>
    jobIn(await who('POST', '/v1/jobs', { scenario: 'put', machine: machine.id, ...more }));
  const check = (disks: typeof two, by = agent) => runCheck(server, by, machine.id, disks);
  return { server, ann, bob, agent, machine, ask, check };
}

async function join(server: TestServer): Promise<ScriptedAgent> {
  const facts = { port: server.running.port, token: await server.bootToken(uuidA), uuid: uuidA };
  const agent = await ScriptedAgent.join(facts);
  await agent.next('welcome');
  return agent;
}

/** The id of the disk check that it makes. */
async function runCheck(server: TestServer, agent: ScriptedAgent, machine: string, disks: typeof two): Promise<string> {
  await server.api('POST', '/v1/jobs', { scenario: 'look', machine });
  const { jobId, leaseId } = await agent.next('job');
  const result = { kind: 'check' as const, figures: {}, secondsByPhase: {}, warnings: [], disks };
  agent.send({ type: 'done', jobId, leaseId, results: [result] });
  await agent.next('doneReceived');
  return (await server.api<{ id: string }>('GET', `/v1/machines/${machine}/disks`)).id;
}

describe('a job that overwrites something', () => {
  it('waits until another user agrees: not who asked, by whatever token, not a viewer, and not the operator token', async () => {
    const { server, ann, bob, agent, check, ask } = await begin();
    await using _ = server;
    const checkId = await check(two);
    const job = await ask(ann);
    expect(job).toMatchObject({
      ...{ state: 'queued', held: 'second-person', requestedBy: 'ann' },
      agreement: { decision: null, decidedBy: null },
      waitsFor: 'a second person must agree to it',
    });
    const path = `/v1/jobs/${job.id}`;
    const carl = await logIn(server, 'carl', 'viewer');
    const made = await ann('POST', '/v1/tokens', { label: 'script' });
    const script = speak(server, JSON.parse(`${made.body}`).token);
    for (const who of [ann, script, carl, speak(server, server.running.operatorToken)]) {
      expect(errorCode(await who('POST', `${path}/approve`))).toBe('forbidden');
    }
    // Nor is there a way around.
    expect(errorCode(await ann('POST', `${path}/resume`))).toBe('job-state');
    expect(errorCode(await ann('POST', `${path}/pause`))).toBe('job-state');
    expect(await agent.gets('job', 1500)).toBe(false);
    const [waiting] = JSON.parse(`${(await bob('GET', '/v1/jobs?held=second-person')).body}`) as Job[];
    expect(waiting?.id).toBe(job.id);

    const agreed = jobIn(await bob('POST', `${path}/approve`, { check: checkId }));
    expect(agreed).toMatchObject({ held: null, approvedCheckId: checkId });
    expect(agreed.agreement).toMatchObject({ decision: 'approved', decidedBy: 'bob' });
    const handed = await agent.next('job');
    expect(handed.approval?.disks.map(({ id }) => id)).toEqual(two.map(({ id }) => id));
    expect(errorCode(await bob('POST', `${path}/approve`))).toBe('job-state');
    const { entries } = await server.api<{ entries: AuditEntry[] }>('GET', '/v1/audit');
    const decisions = entries.filter(({ action }) => action === 'POST /v1/jobs/:id/approve').toReversed();
    expect(decisions.map(({ who, outcome }) => [who, outcome])).toEqual([
      ['ann', 'forbidden'],
      ['ann', 'forbidden'],
      ['operator token', 'forbidden'],
      ['bob', 'ok'],
      ['bob', 'job-state'],
    ]);
  });

  it('shows whoever is to agree which of the disks it picks, and what is on that one', async () => {
    const { server, ann, bob, check, ask } = await begin();
    await using _ = server;
    const checkId = await check(two);
    const { id } = await ask(ann);
    const plan: MachinePlan = JSON.parse(`${(await bob('GET', `/v1/jobs/${id}/plan`)).body}`);
    expect(plan).toMatchObject({ check: { id: checkId, kind: 'check' }, overwrites: true, refused: false });
    const [step] = plan.steps;
    expect(step).toMatchObject({ overwrites: 'disk', disk: { serial: two[0]?.serial, model: two[0]?.model } });
    expect(step?.disk?.map?.partitions[0]).toMatchObject({ fileSystem: 'ext4', label: 'root' });
    // It is no job before itself, and what it captures is not taken by itself.
    expect(plan.warnings.map(({ code }) => code)).not.toContain('jobs-waiting');
    const steps = [{ kind: 'capture', image: 'before', source: { by: 'number', number: 1 } }, ...restore.steps];
    await server.api('POST', '/v1/scenarios', { name: 'save and put', steps, end: 'wait' });
    const saving = jobIn(await ann('POST', '/v1/jobs', { scenario: 'save and put', machine: plan.machineId }));
    const both: MachinePlan = JSON.parse(`${(await bob('GET', `/v1/jobs/${saving.id}/plan`)).body}`);
    expect(both.steps.map(({ refusals }) => refusals)).toEqual([[], []]);
    expect(both.warnings.map(({ code }) => code)).toContain('jobs-waiting');
    await bob('POST', `/v1/jobs/${id}/reject`, { reason: 'no' });
    expect(errorCode(await bob('GET', `/v1/jobs/${id}/plan`))).toBe('job-state');
  });

  it('is agreed to with the disks that the newest check found, and with no others', async () => {
    const { server, ann, bob, agent, machine, check, ask } = await begin();
    await using _ = server;
    const blind = await ask(ann);
    // Nobody knows what is in the machine: there is nothing to agree to.
    expect(errorCode(await bob('POST', `/v1/jobs/${blind.id}/approve`))).toBe('target-changed');
    const old = await check(two);
    await check(two.slice(1));
    expect(errorCode(await bob('POST', `/v1/jobs/${blind.id}/approve`, { check: old }))).toBe('target-changed');
    // Whoever asked for it looked at other disks.
    const looked = await ask(ann, { approve: 'latest' });
    await check(two);
    expect(errorCode(await bob('POST', `/v1/jobs/${looked.id}/approve`))).toBe('target-changed');
    expect((await server.job(blind.id)).agreement?.decision).toBeNull();
    await ann('POST', `/v1/jobs/${looked.id}/cancel`);

    // Agreed to while the machine is away; it comes back with other disks.
    agent.cut();
    await eventually(async () => (await server.machines())[0]?.online === false);
    jobIn(await bob('POST', `/v1/jobs/${blind.id}/approve`));
    const back = await join(server);
    const again = await eventually(async () => {
      const job = await server.job(blind.id);
      return job.held === 'second-person' && job;
    });
    expect(again).toMatchObject({
      state: 'queued',
      approvedCheckId: null,
      agreement: { decision: null, decidedBy: null },
    });
    const log = await server.api<{ message: string }[]>('GET', `/v1/jobs/${blind.id}/log`);
    expect(log.at(-1)?.message).toContain('the disks are others than those that were agreed to');
    // And with the same disks as a later check found, it goes on.
    await runCheck(server, back, machine.id, two);
    jobIn(await bob('POST', `/v1/jobs/${blind.id}/approve`));
    expect((await back.next('job')).jobId).toBe(blind.id);
  });

  it('ends when the second person rejects it, with the reason', async () => {
    const { server, ann, bob, agent, check, ask } = await begin();
    await using _ = server;
    await check(two);
    const { id } = await ask(ann);
    expect(errorCode(await bob('POST', `/v1/jobs/${id}/reject`, {}))).toBe('invalid-input');
    const rejected = jobIn(await bob('POST', `/v1/jobs/${id}/reject`, { reason: 'that is the mail server' }));
    expect(rejected).toMatchObject({
      ...{ state: 'cancelled', held: null, agreement: { decision: 'rejected', decidedBy: 'bob' } },
      error: { code: 'job-rejected', message: 'bob rejected it: that is the mail server' },
    });
    expect(errorCode(await bob('POST', `/v1/jobs/${id}/approve`))).toBe('job-state');
    expect(await agent.gets('job', 1200)).toBe(false);
  });

  it('of the operator token, which is nobody, is agreed to by any user', async () => {
    const { server, bob, agent, check, machine } = await begin();
    await using _ = server;
    await check(two);
    const { id } = await server.api<Job>('POST', '/v1/jobs', { scenario: 'put', machine: machine.id });
    jobIn(await bob('POST', `/v1/jobs/${id}/approve`));
    expect((await agent.next('job')).jobId).toBe(id);
  });

  it('waits for nobody without the option, and with it what only reads does not', async () => {
    const { server, ann, agent, machine, ask } = await begin(false);
    await using _ = server;
    const job = await ask(ann);
    expect([job.held, job.agreement]).toEqual([null, null]);
    agent.done(await agent.next('job'));
    await agent.next('doneReceived');
    await server.restart({ approve: 'all', secondPerson: true });
    const steps = [{ kind: 'check' }, { kind: 'capture', image: 'new', source: { by: 'only' } }];
    await server.api('POST', '/v1/scenarios', { name: 'read', steps });
    expect((await server.api<Job>('POST', '/v1/jobs', { scenario: 'read', machine: machine.id })).held).toBeNull();
  });
});
