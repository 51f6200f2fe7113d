// What the agent of a machine may read and write: what the job that it holds names, as long as it holds it, and nothing else.
import { describe, expect, it } from 'vitest';
import { routes } from '../../../server/routes.ts';
import { openByText } from '../../fixtures/databases.ts';
import { makeImage } from '../../fixtures/made-image.ts';
import type { ScriptedAgent } from '../scripted-agent.ts';
import { eventually, uuidA, uuidB } from '../support.ts';
import { AgentScene, capture, type Image, restore } from './agent-scene.ts';

describe('the agent of a machine', () => {
  it('reads the image that its job restores, in any order, and none of another, until the job has ended', async () => {
    await using scene = await AgentScene.open();
    const [one, two] = [await scene.image('one'), await scene.image('two')];
    const [a, b] = [await scene.agent(uuidA, '52:54:00:00:00:01'), await scene.agent(uuidB, '52:54:00:00:00:02')];
    await scene.job(uuidA, restore('one'));
    await scene.job(uuidB, restore('two'));
    const [jobA] = [await a.next('job'), await b.next('job')];
    const reads = async (agent: ScriptedAgent, { chunk, segment }: Image, name: string) => [
      await scene.ask(agent, 'GET', `/v1/chunks/${chunk}`),
      await scene.ask(agent, 'GET', `/v1/chunks/${segment}`),
      await scene.ask(agent, 'GET', `/v1/images/${name}/manifest`),
    ];
    expect(await reads(a, one, 'one')).toEqual([200, 200, 200]);
    expect(await reads(a, two, 'two')).toEqual(['forbidden', 'forbidden', 'forbidden']);
    expect(await reads(b, two, 'two')).toEqual([200, 200, 200]);
    expect(await reads(b, one, 'one')).toEqual(['forbidden', 'forbidden', 'forbidden']);
    expect(await scene.ask(a, 'GET', `/v1/chunks/${'a'.repeat(64)}`)).toBe('forbidden');
    a.done(jobA);
    await a.next('doneReceived');
    expect(await reads(a, one, 'one')).toEqual(['forbidden', 'forbidden', 'forbidden']);
    expect(await reads(b, two, 'two')).toEqual([200, 200, 200]);
    // The next job is another one.
    await scene.job(uuidA, restore('two', { was: 'one' }));
    await a.next('job');
    expect([...(await reads(a, one, 'one')), ...(await reads(a, two, 'two'))]).toEqual(Array(6).fill(200));
  });

  it('stores the image that its job captures, and neither writes over another nor deletes or lists any', async () => {
    await using scene = await AgentScene.open();
    await scene.image('one');
    const before = await scene.store.getManifest('one');
    const agent = await scene.agent(uuidA, '52:54:00:00:00:01');
    await scene.job(uuidA, capture('new'));
    const job = await agent.next('job');
    const put = (name: string) => scene.ask(agent, 'PUT', `/v1/images/${name}`, before.toString());
    expect(await put('one')).toBe('forbidden');
    expect(await put('undo%2Fdisk%2Fnow')).toBe('forbidden');
    expect(await scene.ask(agent, 'GET', '/v1/images/one/manifest')).toBe('forbidden');
    expect(await scene.ask(agent, 'GET', '/v1/images/new/manifest')).toBe('image-not-found');
    expect(await scene.ask(agent, 'POST', '/v1/chunks/missing', '{"digests":[]}')).toBe(200);
    for (const { method, path: pattern, access } of routes) {
      if (access === 'public' || access === 'job' || access === 'storing-job') continue;
      const target = pattern.replace(/:name/, 'one').replace(/:\w+/g, 'x');
      expect([method, pattern, await scene.ask(agent, method, target)]).toEqual([method, pattern, 'forbidden']);
    }
    agent.done(job);
    await agent.next('doneReceived');
    // Even where the name that its job has was taken meanwhile.
    await scene.job(uuidA, capture('two'));
    const second = await agent.next('job');
    await scene.image('two');
    const [two, other] = [await scene.store.getManifest('two'), before.toString().replace('"one"', '"two"')];
    expect(await scene.ask(agent, 'PUT', '/v1/images/two', other)).toBe('manifest-corrupt');
    expect(await scene.ask(agent, 'PUT', '/v1/images/two', makeImage('two').toString())).toBe('image-exists');
    expect((await scene.store.getManifest('two')).equals(two)).toBe(true);
    agent.done(second);
    await agent.next('doneReceived');
    for (const [method, target, body] of [
      ['PUT', '/v1/images/one', 'x'],
      ['POST', '/v1/chunks/missing', '{"digests":[]}'],
      ['POST', '/v1/chunks/flush', undefined],
      ['POST', '/v1/chunks', ''],
    ] as const) {
      expect([target, await scene.ask(agent, method, target, body)]).toEqual([target, 'forbidden']);
    }
  });

  it('loses within seconds what a job lets it that ended at another server, and has at once what the next one lets it', async () => {
    await using scene = await AgentScene.open();
    const [one, two] = [await scene.image('one'), await scene.image('two')];
    const agent = await scene.agent(uuidA, '52:54:00:00:00:01');
    const first = await scene.job(uuidA, restore('one'));
    await agent.next('job');
    const chunk = ({ chunk: digest }: Image) => scene.ask(agent, 'GET', `/v1/chunks/${digest}`);
    expect(await chunk(one)).toBe(200);
    const second = await scene.job(uuidA, restore('two'));
    // What the other server does to the database.
    const db = await openByText(scene.server.database);
    await db.updateTable('jobs').set({ state: 'cancelled' }).where('id', '=', first.id).execute();
    const lease = { state: 'running', leaseBootId: agent.facts.bootId, leaseId: 'x' } as const;
    await db.updateTable('jobs').set(lease).where('id', '=', second.id).execute();
    expect(await chunk(two)).toBe(200);
    expect(await chunk(one)).toBe('forbidden');
    await db.updateTable('jobs').set({ state: 'cancelled' }).where('id', '=', second.id).execute();
    await db.destroy();
    await eventually(async () => (await chunk(two)) === 'forbidden');
  });
});
