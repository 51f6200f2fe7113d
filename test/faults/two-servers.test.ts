// Two servers on one PostgreSQL and one store, one of them killed in the middle of jobs: agents go to the other, and each job is done once.
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../imaging/store/open-store.ts';
import {
  allEnd,
  approveAll,
  askOfAll,
  countRuns,
  FleetAgent,
  openApi,
  readJobs,
  until,
  verifyAll,
} from '../fixtures/agent/fleet.ts';
import { killAndWait, startServerProcess } from '../fixtures/agent/site.ts';
import { createDatabase } from '../fixtures/postgres-databases.ts';
import { PostgresService } from '../fixtures/postgres-service.ts';

const diskBytes = 24 * 2 ** 20;
/** Long enough for a pause that is asked for at the other server to find it in the middle, on a busy machine too. */
const longDiskBytes = 192 * 2 ** 20;
const machines = 4;

let dir: string;
let service: PostgresService;
let database: string;
const data = (name: string) => join(dir, name);
const start = (name: string) => startServerProcess(data(name), 0, { database, store: join(dir, 'store') });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'deploy-os-two-'));
  service = await PostgresService.start();
  database = await createDatabase(service.url('postgres'));
});
afterAll(async () => {
  await service.remove();
  await rm(dir, { recursive: true, force: true });
});

describe('a second server on a database', () => {
  it('needs the key of the first, and has its CA and its operator token then', async () => {
    const first = await start('a');
    await expect(start('b')).rejects.toThrow('did not start');
    await mkdir(data('b'), { recursive: true });
    await copyFile(join(data('a'), 'secrets.key'), join(data('b'), 'secrets.key'));
    const second = await start('b');
    expect(second.facts).toMatchObject({
      caFingerprint: first.facts.caFingerprint,
      operatorToken: first.facts.operatorToken,
    });
    for (const { child } of [first, second]) await killAndWait(child);
  });
});

describe('two servers', () => {
  it('do the jobs of both when one is killed, each once, and reach the machines of each other', async () => {
    const [first, second] = [await start('a'), await start('b')];
    const api = await openApi(second.facts);
    const agents: FleetAgent[] = [];
    try {
      for (let i = 0; i < machines; i++) {
        const file = join(dir, `disk-${i}`);
        await writeFile(file, randomBytes(i === 0 ? longDiskBytes : diskBytes));
        agents.push(await FleetAgent.boot(i % 2 === 0 ? first.facts : second.facts, [file]));
      }
      const steps = [{ kind: 'capture', source: { by: 'only' }, image: 'disk of {machine}' }];
      const jobs = await askOfAll(api, await approveAll(api), steps);

      // Asked for at the second server: those of the first hand theirs out, and stand still when told there.
      const ofFirst = agents[0] as FleetAgent;
      await until(() => ofFirst.status.model.busy, 'a machine of the first server has its job');
      const own = jobs.find(({ machineName }) => machineName === ofFirst.status.model.machineName);
      await api.call('POST', `/v1/jobs/${own?.id}/pause`);
      await until(() => ofFirst.messages.includes('paused between two chunks'), 'it is told to pause');
      await api.call('POST', `/v1/jobs/${own?.id}/resume`);
      await until(() => ofFirst.messages.includes('the job goes on'), 'it is told to go on');

      await killAndWait(first.child);
      expect(ofFirst.status.model.busy).toBe(true);
      expect((await readJobs(api, jobs)).some(({ state }) => state === 'running')).toBe(true);
      const ended = await allEnd(api, jobs);
      expect(ended.map(({ state, error }) => [state, error])).toEqual(Array(machines).fill(['succeeded', null]));
      expect(ofFirst.messages).toContain(`connected to ${second.facts.url} now`);
      expect(await countRuns(api, jobs)).toEqual(Array(machines).fill([1, 1]));
      const store = await openStore(join(dir, 'store'));
      expect(await verifyAll(store)).toBe(machines);
      await store.close();
    } finally {
      for (const { session } of agents) session.close();
      api.close();
      for (const { child } of [first, second]) await killAndWait(child);
    }
  }, 240_000);
});
