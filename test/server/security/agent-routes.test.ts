// Every route that agents have, asked by those to whom the lease does not belong; and what they say on the channel about jobs of others.
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { encodeChunk } from '../../../imaging/chunk/stored-chunk.ts';
import { encodeChunkBatch } from '../../../imaging/store/chunk-batch.ts';
import { routes } from '../../../server/routes.ts';
import { makeImage } from '../../fixtures/made-image.ts';
import { ScriptedAgent } from '../scripted-agent.ts';
import { errorCode, eventually, uuidA, uuidB } from '../support.ts';
import { AgentScene, capture, type Image, restore } from './agent-scene.ts';

type Ask = { readonly route: string; readonly target: string; readonly body?: Buffer | string; readonly type?: string };
type Headers = Record<string, string>;
const [macA, macB] = ['52:54:00:00:00:01', '52:54:00:00:00:02'];

/** One request to each route, which a job that restores `one` and captures `new` lets its agent make. */
function asksOf({ chunk }: Image): Ask[] {
  const content = Buffer.from('something new');
  const batch = encodeChunkBatch([{ digest: digestOf(content), stored: encodeChunk(content) }]);
  return [
    { route: 'GET /v1/chunks/:digest', target: `/v1/chunks/${chunk}` },
    { route: 'GET /v1/images/:name/manifest', target: '/v1/images/one/manifest' },
    { route: 'POST /v1/chunks', target: '/v1/chunks', body: Buffer.concat(batch), type: 'application/octet-stream' },
    {
      route: 'POST /v1/chunks/missing',
      target: '/v1/chunks/missing',
      body: '{"digests":[]}',
      type: 'application/json',
    },
    { route: 'POST /v1/chunks/flush', target: '/v1/chunks/flush' },
    { route: 'PUT /v1/images/:name', target: '/v1/images/new', body: makeImage('new') },
  ];
}

async function askAll(scene: AgentScene, asks: readonly Ask[], headers: Headers): Promise<[string, string | number][]> {
  const outcomes: [string, string | number][] = [];
  for (const { route, target, body, type } of asks) {
    const typed = type === undefined ? headers : { ...headers, 'content-type': type };
    const answer = await scene.server.tls(target, {
      method: route.split(' ', 1)[0] ?? '',
      headers: typed,
      ...(body === undefined ? {} : { body }),
    });
    outcomes.push([route, answer.status < 400 ? 'ok' : errorCode(answer)]);
  }
  return outcomes;
}

const each = (asks: readonly Ask[], outcome: string) => asks.map(({ route }) => [route, outcome]);

describe('every route of agents', () => {
  it('is open to the boot that holds the lease, and to no other token, boot, machine or job, before and after', async () => {
    await using scene = await AgentScene.open();
    const asks = asksOf(await scene.image('one'));
    await scene.image('two');
    const all = routes.filter(({ access }) => access === 'job' || access === 'storing-job');
    expect(asks.map(({ route }) => route).toSorted()).toEqual(
      all.map(({ method, path }) => `${method} ${path}`).toSorted(),
    );
    const [a, b] = [await scene.agent(uuidA, macA), await scene.agent(uuidB, macB)];

    // Own token, no lease.
    expect(await askAll(scene, asks, a.headers)).toEqual(each(asks, 'forbidden'));
    await scene.job(uuidA, restore('one'), capture('new'));
    await scene.job(uuidB, restore('two'), capture('other'));
    const [jobA] = [await a.next('job'), await b.next('job')];

    // No token, half of one, one of another kind, or of another boot.
    const { authorization, 'deploy-boot-id': bootId } = a.headers;
    const strangers: Headers[] = [
      {},
      { 'deploy-boot-id': bootId },
      { authorization },
      { authorization: 'Bearer x', 'deploy-boot-id': bootId },
      { authorization, 'deploy-boot-id': randomUUID() },
      { authorization, 'deploy-boot-id': b.facts.bootId },
      { authorization: b.headers.authorization, 'deploy-boot-id': bootId },
      { ...scene.server.operator, 'deploy-boot-id': bootId },
    ];
    for (const headers of strangers) expect(await askAll(scene, asks, headers)).toEqual(each(asks, 'unauthorized'));

    // A fresh token of the other machine, said to be for this boot, is that other machine's.
    const fresh = { authorization: `Bearer ${await scene.server.bootToken(uuidB, macB)}`, 'deploy-boot-id': bootId };
    expect(await askAll(scene, asks, fresh)).toEqual(each(asks, 'forbidden'));

    // A lease that names another image: it may store, but not that, and reads nothing of the one.
    expect(Object.fromEntries(await askAll(scene, asks, b.headers))).toEqual({
      ...Object.fromEntries(each(asks, 'ok')),
      'GET /v1/chunks/:digest': 'forbidden',
      'GET /v1/images/:name/manifest': 'forbidden',
      'PUT /v1/images/:name': 'forbidden',
    });
    expect(await askAll(scene, asks, a.headers)).toEqual(each(asks, 'ok'));

    // The lease has ended; the next job only looks at disks.
    a.done(jobA);
    await a.next('doneReceived');
    expect(await askAll(scene, asks, a.headers)).toEqual(each(asks, 'forbidden'));
    await scene.job(uuidA, { kind: 'check' });
    await a.next('job');
    expect(await askAll(scene, asks, a.headers)).toEqual(each(asks, 'forbidden'));
    // Another boot of the machine has said hello.
    const again = await scene.agent(uuidA, macA);
    expect(await askAll(scene, asks, a.headers)).toEqual(each(asks, 'unauthorized'));
    again.cut();
  });

  it('stores what a restore saves of its disk as the machine’s own only: neither another’s nor nobody’s is pushed out', async () => {
    await using scene = await AgentScene.open();
    await scene.image('one');
    const [a, b] = [await scene.agent(uuidA, macA), await scene.agent(uuidB, macB)];
    await scene.job(uuidA, restore('one'));
    await scene.job(uuidB, restore('one'));
    const [{ machineId: idA }, { machineId: idB }] = [await a.next('job'), await b.next('job')];
    const put = (agent: ScriptedAgent, name: string) =>
      scene.ask(agent, 'PUT', `/v1/images/${encodeURIComponent(name)}`, makeImage(name));
    const times = ['2026-01-01T00:00:00.000Z', '2026-01-02', '2026-01-03', '2026-01-04', '2026-01-05'];
    const [saved = '', ...later] = times;
    expect(await put(a, `undo/machine ${idA}/disk/${saved}`)).toBe(201);
    for (const time of later) {
      for (const prefix of [
        `undo/machine ${idA}/`,
        'undo/',
        `undo/machine ${idB}`,
        `undo/machine ${idB}/../machine ${idA}/`,
      ]) {
        const mayBe = prefix.startsWith(`undo/machine ${idB}/`) ? 201 : 'forbidden';
        expect([prefix, await put(b, `${prefix}disk/${time}`)]).toEqual([prefix, mayBe]);
      }
      expect(await put(b, `undo/machine ${idB}/disk/${time}`)).toBe(201);
    }
    const names = (await scene.store.listManifests())
      .map(({ name }) => name)
      .filter((name) => name.startsWith('undo/'));
    expect(names.filter((name) => name.startsWith(`undo/machine ${idA}/`))).toEqual([
      `undo/machine ${idA}/disk/${saved}`,
    ]);
    expect(names.filter((name) => name.startsWith(`undo/machine ${idB}/disk/`))).toHaveLength(3);
    // What was saved is read by nobody's agent.
    for (const agent of [a, b]) {
      const target = `/v1/images/${encodeURIComponent(`undo/machine ${idA}/disk/${saved}`)}/manifest`;
      expect(await scene.ask(agent, 'GET', target)).toBe('forbidden');
    }
  });
});

describe('what an agent says', () => {
  it('of a job that is another machine’s, or its own no more, changes nothing there: no progress, log, result or lease', async () => {
    await using scene = await AgentScene.open();
    await scene.image('one');
    const [a, b] = [await scene.agent(uuidA, macA), await scene.agent(uuidB, macB)];
    const before = await scene.job(uuidB, { kind: 'check' });
    const old = await b.next('job');
    b.done(old);
    await b.next('doneReceived');
    await scene.job(uuidA, restore('one'));
    const jobA = await a.next('job');
    a.progress(jobA, 10);
    const read = (id: string) => scene.server.job(id);
    await eventually(async () => (await read(jobA.jobId)).progress?.bytesDone === 10);

    // It knows the ids, and the lease, too.
    for (const stolen of [jobA, { ...jobA, leaseId: 'guessed' }, old]) {
      b.progress(stolen, 99);
      b.send({ type: 'log', jobId: stolen.jobId, level: 'error', message: 'said by another machine' });
      b.done(stolen, { code: 'internal', message: 'said by another machine' });
      await b.next('doneReceived');
    }
    const thief = await ScriptedAgent.join(
      { ...b.facts, port: scene.server.running.port },
      { jobId: jobA.jobId, leaseId: jobA.leaseId },
    );
    expect((await thief.next('welcome')).continueJob).toBe(false);
    thief.progress(jobA, 98);
    // What a machine says of its own job comes through, next to all that.
    a.progress(jobA, 20);
    thief.progress({ ...jobA, leaseId: 'guessed' }, 97);
    await eventually(async () => (await read(jobA.jobId)).progress?.bytesDone === 20);
    expect(await read(jobA.jobId)).toMatchObject({ state: 'running', error: null });
    expect(await read(before.id)).toMatchObject({ state: 'succeeded', error: null });
    for (const id of [jobA.jobId, before.id]) {
      const log = JSON.stringify(await scene.server.api('GET', `/v1/jobs/${id}/log`));
      expect(log).not.toContain('said by another machine');
    }
    expect(await scene.ask(b, 'GET', `/v1/jobs/${jobA.jobId}/log`)).toBe('forbidden');
  });
});
