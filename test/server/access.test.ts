import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { routes } from '../../server/routes.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { errorCode, TestServer, uuidA } from './support.ts';

const examples: Record<string, string> = { ':id': 'x', ':name': 'x', ':digest': 'a'.repeat(64) };
const pathOf = (path: string) => path.replace(/:\w+/g, (name) => examples[name] ?? name);
const guarded = routes.filter((route) => route.access !== 'public');
const named = guarded.map((route) => [`${route.method} ${route.path}`, route] as const);

describe('the API', () => {
  it('lets in only those whom each route is for', async () => {
    await using server = await TestServer.start();
    const token = await server.bootToken(uuidA);
    const [machine] = await server.machines();
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await agent.next('welcome');
    const wrong = { authorization: 'Bearer dop_wrong' };
    const wrongBoot = { ...agent.headers, 'deploy-boot-id': randomUUID() };
    const basic = { authorization: `Basic ${server.running.operatorToken}` };
    for (const [name, { method, path }] of named) {
      for (const headers of [{}, wrong, wrongBoot, basic, { ...wrong, 'deploy-boot-id': randomUUID() }]) {
        const answer = await server.tls(pathOf(path), { method, headers });
        expect([name, answer.status, errorCode(answer)]).toEqual([name, 401, 'unauthorized']);
      }
      const pending = await server.tls(pathOf(path), { method, headers: agent.headers });
      expect([name, pending.status]).toEqual([name, 403]);
    }
    await server.api('PATCH', `/v1/machines/${machine?.id}`, { state: 'approved' });
    for (const [name, { method, path }] of named) {
      const idle = await server.tls(pathOf(path), { method, headers: agent.headers });
      expect([name, idle.status, errorCode(idle)]).toEqual([name, 403, 'forbidden']);
    }
  });

  it('gives an agent whose job only checks disks nothing of the store', async () => {
    await using server = await TestServer.start({ approve: 'all' });
    const token = await server.bootToken(uuidA);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await agent.next('welcome');
    const steps = [{ kind: 'check' }];
    await server.api('POST', '/v1/scenarios', { name: 'look', steps });
    const [machine] = await server.machines();
    await server.api('POST', '/v1/jobs', { scenario: 'look', machine: machine?.id });
    await agent.next('job');
    for (const [name, { method, path }] of named) {
      const answer = await server.tls(pathOf(path), { method, headers: agent.headers });
      // A check reads nothing of the store (test/server/security/agents.test.ts has what other jobs do).
      expect([name, answer.status, errorCode(answer)]).toEqual([name, 403, 'forbidden']);
    }
  });

  it.each([
    ['captures', { kind: 'capture', image: 'web', source: { by: 'only' } }, () => 'web'],
    [
      'restores, for what it saves of the disk',
      { kind: 'restore', image: 'web', target: { by: 'only' } },
      (machine: string) => `undo/machine ${machine}/disk/now`,
    ],
  ])('takes a manifest from an agent only under a name that fits its job, one that %s', async (_, step, nameFor) => {
    await using server = await TestServer.start({ approve: 'all' });
    const token = await server.bootToken(uuidA);
    const agent = await ScriptedAgent.join({ port: server.running.port, token, uuid: uuidA });
    await agent.next('welcome');
    if (step.kind === 'restore') await server.addImage('web');
    await server.api('POST', '/v1/scenarios', { name: 'read', steps: [step] });
    const [machine] = await server.machines();
    const id = machine?.id ?? '';
    await server.api('POST', '/v1/jobs', { scenario: 'read', machine: id });
    await agent.next('job');
    const put = (name: string) =>
      server.tls(`/v1/images/${encodeURIComponent(name)}`, {
        method: 'PUT',
        headers: agent.headers,
        body: 'no manifest',
      });
    const allowed = nameFor(id);
    for (const name of [
      'other',
      'web',
      'undo/disk/now',
      'undo/machine other/disk/now',
      `undo/machine ${id}/disk/now`,
    ]) {
      expect([name, errorCode(await put(name))]).toEqual([name, name === allowed ? 'manifest-corrupt' : 'forbidden']);
    }
  });

  it('answers health to anyone and says nothing else', async () => {
    await using server = await TestServer.start();
    const answer = await server.tls('/v1/health');
    expect(JSON.parse(answer.body.toString())).toEqual({ status: 'ok', version: '0.1.0' });
    expect((await server.tls('/v1/nothing')).status).toBe(404);
  });
});
