// Scenarios as people write, change and run them: what they leave open has a value in every job.
import { describe, expect, it } from 'vitest';
import { protocolVersion } from '../../protocol/agent-messages.ts';
import type { AuditEntry } from '../../protocol/people.ts';
import type { Job, Scenario } from '../../protocol/rest.ts';
import { openByText } from '../fixtures/databases.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { errorCode, makeInventory, TestServer, uuidA } from './support.ts';

const capture = { kind: 'capture', image: '{what}-{machine}', source: { by: 'only' } };
const parameters = [{ name: 'what', default: 'daily', description: 'how often' }, { name: 'why' }];

async function ask(server: TestServer, values?: object): Promise<Job> {
  const [machine] = await server.machines();
  return server.api('POST', '/v1/jobs', {
    ...{ scenario: 's', machine: machine?.id },
    ...(values === undefined ? {} : { parameters: values }),
  });
}

async function readSteps(server: TestServer): Promise<unknown[]> {
  const db = await openByText(server.database);
  const rows = await db.selectFrom('jobs').select('steps').orderBy('id').execute();
  await db.destroy();
  return rows.map(({ steps }) => JSON.parse(steps));
}

describe('a scenario', () => {
  it('is filled in by each job, which keeps its values and its steps when the scenario is changed', async () => {
    await using server = await TestServer.start();
    await server.bootToken(uuidA);
    await server.api('PATCH', `/v1/machines/${(await server.machines())[0]?.id}`, { name: 'Büro {what}' });
    await server.api('POST', '/v1/scenarios', { name: 's', steps: [capture], parameters });
    await expect(ask(server)).rejects.toThrow(/invalid-input.*'why'/);
    await expect(ask(server, { why: 'x', waht: 'y' })).rejects.toThrow(/no parameter 'waht'/);
    const job = await ask(server, { why: 'because', what: 'weekly' });
    expect(job.parameters).toEqual({ why: 'because', what: 'weekly' });

    const changed = await server.api<Scenario>('PATCH', '/v1/scenarios/s', {
      ...{ name: 'nightly', parameters: [], steps: [{ kind: 'check' }] },
    });
    expect(changed).toMatchObject({ name: 'nightly', parameters: [], steps: [{ kind: 'check' }], end: 'reboot' });
    expect(changed.updatedAt).not.toBeNull();
    await expect(ask(server)).rejects.toThrow('scenario-not-found');
    // What a machine is called is a value like any other: nothing in it is filled in.
    expect(await readSteps(server)).toEqual([[{ ...capture, image: 'weekly-Büro {what}' }]]);
  });

  it('is refused a change that makes none of it, or takes the name of another', async () => {
    await using server = await TestServer.start();
    await server.api('POST', '/v1/scenarios', { name: 's', steps: [capture], parameters });
    await server.api('POST', '/v1/scenarios', { name: 'other', steps: [{ kind: 'check' }] });
    const change = (body: object) => server.api('PATCH', '/v1/scenarios/s', body);
    await expect(change({ parameters: [] })).rejects.toThrow(/invalid-input.*what/);
    await expect(change({ name: 'other' })).rejects.toThrow('scenario-exists');
    await expect(change({ steps: [] })).rejects.toThrow('invalid-input');
    await expect(change({ stesp: [] })).rejects.toThrow('stesp');
    await expect(server.api('PATCH', '/v1/scenarios/none', {})).rejects.toThrow('scenario-not-found');
    expect(await server.api('GET', '/v1/scenarios/s')).toMatchObject({ steps: [capture], updatedAt: null });
    expect(await change({ name: 's', end: 'poweroff' })).toMatchObject({ end: 'poweroff', steps: [capture] });
  });

  it('is no job when an image is missing, or a name is taken', async () => {
    await using server = await TestServer.start();
    await server.bootToken(uuidA);
    const save = (name: string, step: object) => server.api('POST', '/v1/scenarios', { name, steps: [step] });
    await save('s', { kind: 'restore', image: 'golden', target: { by: 'only' } });
    await expect(ask(server)).rejects.toThrow('image-not-found');
    await save('make', { kind: 'capture', image: 'golden', source: { by: 'only' } });
    const [machine] = await server.machines();
    const make = () => server.api('POST', '/v1/jobs', { scenario: 'make', machine: machine?.id });
    await make();
    // It will be there by then.
    await ask(server);
    await expect(make()).rejects.toThrow('image-exists');
  });
});

describe('a script', () => {
  const script = { kind: 'script', script: 'uname -a' };
  const body = { name: 's', steps: [script] };
  const password = 'correct horse battery';

  it('is off unless the server is started with it, in every way that leads to one', async () => {
    await using server = await TestServer.start({ allowScripts: true });
    await server.bootToken(uuidA);
    await server.api('POST', '/v1/scenarios', body);
    await server.restart();
    const [machine] = await server.machines();
    await expect(server.api('POST', '/v1/scenarios', { ...body, name: 't' })).rejects.toThrow('scripts-off');
    await expect(server.api('PATCH', '/v1/scenarios/s', { end: 'wait' })).rejects.toThrow('scripts-off');
    await expect(ask(server)).rejects.toThrow('scripts-off');
    const plan = { scenario: 's', machines: [machine?.id] };
    expect(await server.api('POST', '/v1/plans', plan)).toMatchObject({
      machines: [{ refused: true, refusals: [{ code: 'scripts-off' }] }],
    });
  });

  it('is written by administrators only, whose audit log has its digest, and told to the agent as such', async () => {
    await using server = await TestServer.start({ allowScripts: true, approve: 'all' });
    const token = await server.bootToken(uuidA);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await agent.next('welcome');
    await server.api('POST', '/v1/users', { name: 'ann', password, role: 'operator' });
    const session = await server.api<{ token: string }>('POST', '/v1/sessions', { name: 'ann', password });
    const asAnn = async (method: string, target: string, content: object) => {
      const headers = { authorization: `Bearer ${session.token}`, 'content-type': 'application/json' };
      const answer = await server.tls(target, { method, headers, body: JSON.stringify(content) });
      return answer.status < 400 ? answer.status : errorCode(answer);
    };
    expect(await asAnn('POST', '/v1/scenarios', body)).toBe('forbidden');
    await server.api('POST', '/v1/scenarios', { ...body, parameters: [{ name: 'why', default: 'x' }] });
    const { entries } = await server.api<{ entries: AuditEntry[] }>('GET', '/v1/audit?limit=1');
    expect(entries[0]?.about.scripts).toBe('sha256:28ba533b0f3c4df63d6b4a5ead73860697bdf735bb353e4ca928474889eb8a15');
    // What she may run she may not change, not even around the script.
    expect(await asAnn('PATCH', '/v1/scenarios/s', { parameters: [] })).toBe('forbidden');
    expect(await asAnn('PATCH', '/v1/scenarios/s', { steps: [{ kind: 'check' }] })).toBe('forbidden');
    const [machine] = await server.machines();
    expect(await asAnn('POST', '/v1/jobs', { scenario: 's', machine: machine?.id })).toBe(201);
    const job = await agent.next('job');
    expect(job.scripts).toEqual({ machineName: machine?.name, parameters: { why: 'x' } });
    expect(job.steps).toEqual([{ ...script, timeoutSeconds: 600 }]);
  });
});

it('a step that an older agent does not know waits for the next boot of its machine', async () => {
  await using server = await TestServer.start({ approve: 'all' });
  const facts = { port: server.running.port, token: await server.bootToken(uuidA), uuid: uuidA };
  const old = await ScriptedAgent.open(facts);
  old.send({ type: 'hello', protocol: protocolVersion, agentVersion: 'old', inventory: makeInventory(uuidA) });
  await old.next('welcome');
  await server.api('POST', '/v1/scenarios', { name: 's', steps: [{ kind: 'wipe', target: { by: 'only' } }] });
  const { id } = await ask(server);
  expect(await old.gets('job', 300)).toBe(false);
  const log = await server.api<{ message: string }[]>('GET', `/v1/jobs/${id}/log`);
  expect(log.map(({ message }) => message)).toEqual([expect.stringContaining("has no step 'wipe'")]);
  old.cut();
  const fresh = await ScriptedAgent.join({ ...facts, token: await server.bootToken(uuidA) });
  expect((await fresh.next('job')).steps).toEqual([{ kind: 'wipe', target: { by: 'only' }, method: 'auto' }]);
});
