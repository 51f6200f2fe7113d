// A server that is killed at random moments under twenty jobs: every job ends well, is done once, and nothing that was acknowledged is lost.
// `DEPLOY_OS_KILLS=50` kills it more often, `DEPLOY_OS_SEED` at other moments; what was used is in the name of the test.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openStore } from '../../imaging/store/open-store.ts';
import { toDeployError } from '../../protocol/errors.ts';
import type { JobReport } from '../../protocol/rest.ts';
import { allEnd, approveAll, askOfAll, FleetAgent, openApi, verifyAll } from '../fixtures/agent/fleet.ts';
import { killAndWait, startServerProcess } from '../fixtures/agent/site.ts';
import { Random } from '../fixtures/fuzz/random.ts';

const jobCount = 20;
const diskBytes = 6 * 2 ** 20;
const kills = Number(process.env.DEPLOY_OS_KILLS ?? 3);
const seed = Number(process.env.DEPLOY_OS_SEED ?? 6);
/** From the start of a server that is up to its end. */
const livesMs = { least: 100, most: 2500 };

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'deploy-os-kills-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

it(
  `killed ${kills} times (seed ${seed}), the server loses nothing`,
  async () => {
    const random = new Random(seed);
    let server = await startServerProcess(join(dir, 'server'), 0);
    const { port } = server.facts;
    // On a busy machine the few starts of a server take longer than a client waits by itself.
    const api = await openApi(server.facts, 120_000);
    const agents: FleetAgent[] = [];
    const stop = new AbortController();
    try {
      for (let i = 0; i < jobCount; i++) {
        const file = join(dir, `disk-${i}`);
        await writeFile(file, randomBytes(diskBytes));
        agents.push(await FleetAgent.boot(server.facts, [file]));
      }
      const steps = [{ kind: 'capture', source: { by: 'only' }, image: 'disk of {machine}' }];
      const jobs = await askOfAll(api, await approveAll(api), steps);
      const acknowledged = writeUntil(stop.signal, api);

      for (let i = 0; i < kills; i++) {
        await sleep(livesMs.least + random.below(livesMs.most - livesMs.least));
        await killAndWait(server.child);
        server = await startServerProcess(join(dir, 'server'), port);
      }
      const ended = await allEnd(api, jobs);
      stop.abort();

      expect(ended.map(({ id, state, error }) => ({ id, state, error }))).toEqual(
        jobs.map(({ id }) => ({ id, state: 'succeeded', error: null })),
      );
      const reports = await Promise.all(jobs.map(({ id }) => api.call<JobReport>('GET', `/v1/jobs/${id}/report`)));
      // A job may be handed out again to an agent that had not heard of it when the server was killed; it is begun once.
      const begun = agents.map(({ messages }) => messages.match(/^capturing /gm)?.length);
      expect(begun).toEqual(Array(jobCount).fill(1));
      const said = reports.flatMap(({ log }) => log.map(({ message }) => message));
      expect(said).toContain('the agent is back and goes on');
      const kept = new Set((await api.call<{ name: string }[]>('GET', '/v1/scenarios')).map(({ name }) => name));
      expect((await acknowledged).filter((name) => !kept.has(name))).toEqual([]);
      const store = await openStore(join(dir, 'server', 'store'));
      expect(await verifyAll(store)).toBe(jobCount);
      await store.close();
    } finally {
      stop.abort();
      for (const { session } of agents) session.close();
      api.close();
      await killAndWait(server.child);
    }
  },
  180_000 + kills * 10_000,
);

/** One write after another; the names of those that the server has said are there. */
async function writeUntil(stop: AbortSignal, api: Awaited<ReturnType<typeof openApi>>): Promise<string[]> {
  const names: string[] = [];
  for (let i = 0; !stop.aborted; i++) {
    const name = `written ${i}`;
    try {
      await api.call('POST', '/v1/scenarios', { name, steps: [{ kind: 'check' }] });
    } catch (thrown) {
      // The first answer was lost with the server, and the client asked again.
      if (toDeployError(thrown).code !== 'scenario-exists') throw thrown;
    }
    names.push(name);
    await sleep(20);
  }
  return names;
}
