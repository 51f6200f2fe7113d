import { type ChildProcess, spawn } from 'node:child_process';
import { randomFillSync, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { callOnce } from '../../cli/connect.ts';
import { captureImage } from '../../imaging/capture.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { verifyImage } from '../../imaging/verify.ts';
import type { Job } from '../../protocol/rest.ts';
import { jobSchema, machineSchema, scenarioSchema } from '../../protocol/rest.ts';
import { ChildServer } from '../server/child-server.ts';
import { ScriptedAgent } from '../server/scripted-agent.ts';
import { eventually, uuidA } from '../server/support.ts';

const sizeBytes = 48 * 2 ** 20;

async function bootToken(server: ChildServer): Promise<string> {
  const url = `http://127.0.0.1:${server.port}/boot/script?uuid=${uuidA}&mac=52:54:00:00:00:01`;
  return /deploy\.token=(\S+)/.exec(await (await fetch(url)).text())?.[1] ?? '';
}

async function startJob(server: ChildServer, data: string): Promise<{ agent: ScriptedAgent; job: Job }> {
  const token = await bootToken(server);
  const facts = { port: server.port, token, uuid: uuidA, bootId: randomUUID() };
  const agent = await ScriptedAgent.join(facts);
  const { machineId } = await agent.next('welcome');
  await callOnce({ data }, 'PATCH', `/v1/machines/${machineId}`, machineSchema, { state: 'approved' });
  const steps = [{ kind: 'capture', image: 'web', source: { by: 'only' } }];
  await callOnce({ data }, 'POST', '/v1/scenarios', scenarioSchema, { name: 'read', steps });
  const job = await callOnce({ data }, 'POST', '/v1/jobs', jobSchema, { scenario: 'read', machine: machineId });
  return { agent, job };
}

describe('a server', () => {
  it('that is killed in the middle of a capture and started again finds the job and its image complete', async () => {
    const data = await mkdtemp(path.join(tmpdir(), 'deploy-os-killed-'));
    let server = await ChildServer.start(data, ['--listen', '127.0.0.1:0', '--log-level', 'warn']);
    try {
      const { agent, job } = await startJob(server, data);
      const handed = await agent.next('job');
      const sourcePath = path.join(data, 'disk.img');
      await writeFile(sourcePath, randomFillSync(Buffer.allocUnsafe(sizeBytes)));
      const { url, caFingerprint, token } = server.access;
      const { ca } = await fetchPinnedCa(url, caFingerprint);
      const store = await openHttpStore({ url, ca, headers: agent.headers, maxSockets: 2 });
      let kill = Promise.resolve();
      let killed = false;
      const onProgress = ({ bytesTransferred }: { bytesTransferred: number }): void => {
        if (killed || bytesTransferred < 8 * 2 ** 20) return;
        killed = true;
        kill = server.end('SIGKILL').then(async () => {
          server = await ChildServer.start(data, ['--listen', `127.0.0.1:${new URL(url).port}`, '--log-level', 'warn']);
        });
      };
      await captureImage({ sourcePath, imageName: 'web', store, workers: 1, onProgress }).catch((cause: Error) => {
        throw new Error(`${cause.message}; the server said:\n${server.lines.join('\n')}`, { cause });
      });
      await kill;
      expect(killed).toBe(true);
      await agent.until(() => agent.closed);

      const again = await ScriptedAgent.join(agent.facts, handed);
      expect((await again.next('welcome')).continueJob).toBe(true);
      again.done(handed);
      await again.next('doneReceived');
      const ended = await callOnce({ data }, 'GET', `/v1/jobs/${job.id}`, jobSchema);
      expect(ended).toMatchObject({ state: 'succeeded', id: handed.jobId });
      await store.close();
      const headers = { authorization: `Bearer ${token}` };
      const operatorStore = await openHttpStore({ url, ca, headers });
      expect((await verifyImage({ imageName: 'web', store: operatorStore, workers: 1 })).problemCount).toBe(0);
      await operatorStore.close();
    } finally {
      await server.end('SIGKILL');
      await rm(data, { recursive: true });
    }
  });

  it('that is killed while `job watch` listens is listened to again once it is back, and the watch ends as the job does', async () => {
    const data = await mkdtemp(path.join(tmpdir(), 'deploy-os-watched-'));
    let server = await ChildServer.start(data, ['--listen', '127.0.0.1:0']);
    const listen = `127.0.0.1:${server.port}`;
    let watching: ChildProcess | undefined;
    try {
      const { agent, job } = await startJob(server, data);
      const handed = await agent.next('job');
      const main = new URL('../../cli/main.ts', import.meta.url).pathname;
      const child = spawn(process.execPath, [main, 'job', 'watch', job.id, '--data', data]);
      watching = child;
      let said = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      const says = (words: string) => eventually(async () => said.includes(words), 60_000);
      agent.progress(handed, 50);
      await says('capture');
      await server.end('SIGKILL');
      await says('the server does not answer');
      server = await ChildServer.start(data, ['--listen', listen]);
      await says('the server answers again');
      const again = await ScriptedAgent.join(agent.facts, handed);
      await again.next('welcome');
      again.done(handed, { code: 'target-too-small', message: 'disk vda is too small' });
      expect(await ended).toBe(5);
      expect(said).toContain('disk vda is too small');
    } finally {
      watching?.kill('SIGKILL');
      await server.end('SIGKILL');
      await rm(data, { recursive: true });
    }
  }, 180_000);

  it('that is told to stop does so within ten seconds, with an agent, a watcher and a half-sent request connected', async () => {
    const data = await mkdtemp(path.join(tmpdir(), 'deploy-os-stopped-'));
    const server = await ChildServer.start(data, ['--listen', '127.0.0.1:0']);
    try {
      const { agent } = await startJob(server, data);
      const handed = await agent.next('job');
      const startedMs = performance.now();
      expect(await server.end('SIGTERM')).toBe(0);
      expect(performance.now() - startedMs).toBeLessThan(10_000);
      const log = server.lines.join('\n');
      expect(log).not.toContain(agent.facts.token);
      expect(log.split(server.access.token).length - 1).toBe(1); // the banner, once
      expect(handed.jobId).toBeDefined();
    } finally {
      await rm(data, { recursive: true });
    }
  });
});
