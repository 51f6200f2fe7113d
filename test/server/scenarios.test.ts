// Scenarios as people write, change and run them: what they leave open has a value in every job.
import { describe, expect, it } from 'vitest';
import type { Job, Scenario } from '../../protocol/rest.ts';
import { openByText } from '../fixtures/databases.ts';
import { TestServer, uuidA } from './support.ts';

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
