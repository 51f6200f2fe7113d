// What the agent of a machine may read and write: what the job that it holds names, as long as it holds it, and nothing else.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { captureImage } from '../../../imaging/capture.ts';
import { loadManifest, loadSegment } from '../../../imaging/manifest/load-image.ts';
import type { ChunkStore } from '../../../imaging/store/chunk-store.ts';
import { openHttpStore } from '../../../imaging/store/http-store.ts';
import { fetchPinnedCa } from '../../../imaging/store/pinned-ca.ts';
import type { Job } from '../../../protocol/rest.ts';
import { routes } from '../../../server/routes.ts';
import { openByText } from '../../fixtures/databases.ts';
import { noise } from '../../fixtures/disks.ts';
import { makeImage } from '../../fixtures/made-image.ts';
import { ScriptedAgent } from '../scripted-agent.ts';
import { errorCode, eventually, TestServer, uuidA, uuidB } from '../support.ts';

type Image = { readonly segment: string; readonly chunk: string };

class Scene implements AsyncDisposable {
  readonly server: TestServer;
  readonly store: ChunkStore;

  private constructor(server: TestServer, store: ChunkStore) {
    this.server = server;
    this.store = store;
  }

  static async open(): Promise<Scene> {
    const server = await TestServer.start({ approve: 'all' });
    const { url, caFingerprint } = server.running;
    const { ca } = await fetchPinnedCa(url, caFingerprint);
    return new Scene(server, await openHttpStore({ url, ca, headers: server.operator, retryForMs: 1000 }));
  }

  async image(name: string): Promise<Image> {
    const sourcePath = path.join(this.server.dataDir, `${name}.img`);
    await writeFile(sourcePath, noise(3 * 2 ** 20, name));
    await captureImage({ sourcePath, imageName: name, store: this.store, workers: 1 });
    const manifest = await loadManifest(this.store, name);
    const [slot] = [...(await loadSegment(this.store, manifest, 0))];
    return { segment: manifest.segments[0] ?? '', chunk: slot?.digest ?? '' };
  }

  async agent(uuid: string, mac: string): Promise<ScriptedAgent> {
    const token = await this.server.bootToken(uuid, mac);
    const agent = await ScriptedAgent.join({ port: this.server.running.port, token, uuid });
    await agent.next('welcome');
    return agent;
  }

  /** A job of these steps on the machine that has that UUID; on its way to the agent. */
  async job(uuid: string, ...steps: object[]): Promise<Job> {
    const name = `job ${Math.random()}`;
    await this.server.api('POST', '/v1/scenarios', { name, steps, end: 'wait' });
    const machine = (await this.server.machines()).find(({ inventory }) => inventory?.smbios.uuid === uuid);
    return this.server.api('POST', '/v1/jobs', { scenario: name, machine: machine?.id });
  }

  /** The code of the answer's error, or its status. */
  async ask(agent: ScriptedAgent, method: string, target: string, body?: string): Promise<string | number> {
    const json = target.endsWith('missing') ? { 'content-type': 'application/json' } : {};
    const options = { method, headers: { ...agent.headers, ...json }, ...(body === undefined ? {} : { body }) };
    const answer = await this.server.tls(target, options);
    return answer.status < 400 ? answer.status : errorCode(answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    await this.server[Symbol.asyncDispose]();
  }
}

const restore = (image: string, more = {}) => ({ kind: 'restore', image, target: { by: 'only' }, ...more });
const capture = (image: string) => ({ kind: 'capture', image, source: { by: 'only' } });

describe('the agent of a machine', () => {
  it('reads the image that its job restores, in any order, and none of another, until the job has ended', async () => {
    await using scene = await Scene.open();
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
    await using scene = await Scene.open();
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
    await using scene = await Scene.open();
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
