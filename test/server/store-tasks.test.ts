// A server looks after its own store when an operator asks: the same answers as on its own machine, and an end when nobody listens.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { checkStore } from '../../imaging/store/check-store.ts';
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { fullStats } from '../../imaging/store/full-stats.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { DeployError } from '../../protocol/errors.ts';
import { StreamedTasks } from '../../server/tasks/streamed-tasks.ts';
import { startHostileServer } from '../imaging/store/test-server.ts';
import { damageChunk, withImages } from './with-images.ts';

const mib = 2 ** 20;
const main = path.join(import.meta.dirname, '../../cli/main.ts');

const cli = (args: readonly string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) =>
    execFile(process.execPath, [main, ...args], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    ),
  );

describe('a server asked to look after its store', () => {
  it('collects garbage: counted first, then freed, the same figures and errors as on its own machine', async () => {
    await withImages(async (remote, here) => {
      await remote.deleteManifest('two');
      const [now, dryRun] = [
        { olderThanMs: 0, dryRun: false },
        { olderThanMs: 0, dryRun: true },
      ];
      const expected = await collectGarbage(here, dryRun);
      expect(expected).toMatchObject({ chunks: 4 });
      expect(await collectGarbage(remote, { olderThanMs: 3_600_000, dryRun: false })).toMatchObject({ chunks: 0 });
      expect(await collectGarbage(remote, dryRun)).toEqual(expected);
      expect(await collectGarbage(remote, now)).toEqual(expected);
      expect(await remote.stats()).toMatchObject({ images: 1, chunks: expected.kept });
      const wrong = collectGarbage(remote, { olderThanMs: -1, dryRun: true });
      await expect(wrong).rejects.toMatchObject({ code: 'invalid-input' });
      for await (const { digest } of here.maintenance.listChunks()) await fs.rm(here.chunkPath(digest));
      for (const store of [here, remote]) {
        await expect(collectGarbage(store, now)).rejects.toMatchObject({ code: 'chunk-not-found' });
      }
    });
  });

  it('says what images share and what each would free, as on its own machine', async () => {
    await withImages(async (remote, here, { running }) => {
      const stats = await fullStats(here);
      expect(stats.perImage).toMatchObject([{ name: 'one', usedBytes: 3 * mib }, { name: 'two' }]);
      const command = ['store', 'stats', '--full', '--json', '--store', running.url];
      const ended = await cli([...command, '--ca', running.caFingerprint, '--token', running.operatorToken]);
      expect(JSON.parse(ended.stdout)).toEqual(stats);
      for (const digest of (await loadManifest(here, 'one')).segments) await fs.rm(here.chunkPath(digest ?? ''));
      expect(await fullStats(remote)).toEqual(await fullStats(here));
      expect(await fullStats(remote)).toMatchObject({ damaged: [expect.any(String)] });
    });
  });

  it('checks and repairs: the same findings, output and exit status as on its own machine, with progress', async () => {
    await withImages(async (remote, here, { running }) => {
      await damageChunk(here);
      const phases: string[] = [];
      const found = await checkStore(remote, { onProgress: ({ phase }) => phases.push(phase) });
      expect(found).toEqual(await checkStore(here));
      expect(found).toMatchObject({ problemCount: 1, damagedImages: [{ name: 'one' }] });
      expect(phases).toContain('verify');
      const part = { from: 0, to: 0.001 };
      expect(await checkStore(remote, { part })).toEqual(await checkStore(here, { part }));
      const command = ['store', 'check', '--json', '--repair', '--store', running.url];
      const ended = await cli([...command, '--ca', running.caFingerprint, '--token', running.operatorToken]);
      const problems = found.problems.map((problem) => ({ ...problem, setAside: true }));
      expect(JSON.parse(ended.stdout)).toEqual({ ...found, problems });
      expect([ended.code, ended.stderr]).toEqual([7, expect.stringContaining(`the store ${running.url} is damaged`)]);
      expect((await here.stats()).chunks).toBe(7);
    });
  });
});

/** An HTTP server with one task that ends only when it is told to stop. */
async function withEndlessTask(work: (url: string, tasks: StreamedTasks, ended: Promise<unknown>) => Promise<void>) {
  const [tasks, ended] = [new StreamedTasks(), Promise.withResolvers<string>()];
  const app = Fastify();
  app.post('/', async (_, reply) =>
    tasks.start(reply, async ({ signal, onWarning }) => {
      onWarning('begun');
      await once(signal, 'abort');
      ended.resolve('stopped');
      throw new DeployError('cancelled', 'told to stop');
    }),
  );
  try {
    await work(await app.listen({ port: 0 }), tasks, ended.promise);
  } finally {
    await app.close();
  }
}

describe('a task of the server', () => {
  it('is stopped when the client goes', async () => {
    await withEndlessTask(async (url, _, ended) => {
      const stop = new AbortController();
      const answer = await fetch(url, { method: 'POST', signal: stop.signal });
      const { value } = (await answer.body?.getReader().read()) ?? {};
      expect(Buffer.from(value ?? []).toString()).toBe('{"warning":"begun"}\n');
      stop.abort();
      expect(await ended).toBe('stopped');
    });
  });

  it('is stopped when the server stops, and says so', async () => {
    await withEndlessTask(async (url, tasks) => {
      const answer = await fetch(url, { method: 'POST' });
      await tasks.close();
      const last = (await answer.text()).trimEnd().split('\n').at(-1) ?? '';
      expect(JSON.parse(last)).toEqual({ error: { code: 'cancelled', message: 'told to stop' } });
    });
  });

  it.each([
    ['is cut off', '{"progress":', 'server-unreachable'],
    ['has no result', '{"warning":"x"}\n', 'server-error'],
    ['is no JSON', 'hello\n', 'server-error'],
    ['has a result of another kind', '{"result":{"chunks":"many"}}\n', 'server-error'],
  ])('whose answer %s is an error of the client', async (_, text, code) => {
    const server = await startHostileServer((_request, response) => {
      response.writeHead(200);
      if (code === 'server-unreachable') response.write(text, () => response.destroy());
      else response.end(text);
    });
    try {
      const store = await openHttpStore({ url: server.url, ca: server.ca, headers: {}, retryForMs: 60_000 });
      await expect(collectGarbage(store, { olderThanMs: 0, dryRun: true })).rejects.toMatchObject({ code });
      await store.close();
    } finally {
      await server.close();
    }
  });
});
