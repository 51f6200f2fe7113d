// The S3 service behind the server is busy (503 SlowDown), slow, and cuts connections, for a while or for good: jobs finish, or fail by name and finish later.
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseS3Location } from '../../imaging/store/s3/location.ts';
import { openS3Store } from '../../imaging/store/s3-store.ts';
import type { Job, Machine } from '../../protocol/rest.ts';
import {
  type Api,
  allEnd,
  approveAll,
  askOfAll,
  FleetAgent,
  openApi,
  readFaults,
  until,
  verifyAll,
} from '../fixtures/agent/fleet.ts';
import { killAndWait, type ServerFacts, startServerProcess } from '../fixtures/agent/site.ts';
import { Random } from '../fixtures/fuzz/random.ts';
import { makeBucket, type S3Service, startS3Service } from '../fixtures/s3-service.ts';
import { SlowService } from '../fixtures/slow-service.ts';

const diskBytes = 24 * 2 ** 20;
const machines = 3;
/** The service is away for so long in the middle of captures. */
const awayMs = 3000;

let dir: string;
let s3: S3Service;
let between: SlowService;
let store: string;
let server: Awaited<ReturnType<typeof startServerProcess>>;
let api: Api;
let facts: ServerFacts;
const agents: FleetAgent[] = [];
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'deploy-os-busy-'));
  s3 = await startS3Service();
  between = await SlowService.start(s3.endpoint, new Random(6));
  store = await makeBucket(s3, 'images', between.port);
  server = await startServerProcess(join(dir, 'server'), 0, { store, environment: s3.environment });
  facts = server.facts;
  api = await openApi(facts);
  for (let i = 0; i < machines; i++) await boot(i);
}, 300_000);
afterAll(async () => {
  for (const { session } of agents) session.close();
  api?.close();
  if (server !== undefined) await killAndWait(server.child);
  await between?.close();
  await s3?.stop();
  await rm(dir, { recursive: true, force: true });
});

const file = (kind: string, i: number) => join(dir, `${kind}-${i}`);

/** `outageMs`: how long the machine waits for a server that says that it cannot now. */
async function boot(i: number, outageMs?: number): Promise<FleetAgent> {
  await writeFile(file('source', i), randomBytes(diskBytes));
  await writeFile(file('target', i), '');
  await truncate(file('target', i), diskBytes);
  const agent = await FleetAgent.boot(facts, [file('source', i), file('target', i)], outageMs);
  agents.push(agent);
  return agent;
}

const capture = (image: string) => ({ kind: 'capture', source: { by: 'serial', serial: 'F1' }, image });
const outcomes = (jobs: readonly Job[]) => jobs.map(({ state, error }) => [state, error]);
const allWell = Array(machines).fill(['succeeded', null]);

async function countWholeImages(): Promise<number> {
  const opened = await openS3Store(parseS3Location(store, s3.environment), { create: false });
  return verifyAll(opened).finally(() => opened.close());
}

it('a service that is busy, slow and cuts connections delays jobs, and no more', { timeout: 240_000 }, async () => {
  const ids = await approveAll(api);
  const image = 'disk of {machine}';
  between.mode = 'troubled';
  const captures = await askOfAll(api, ids, [capture(image)]);
  await until(() => agents.some(({ status }) => status.model.job !== null), 'a capture is under way');
  between.mode = 'down';
  await sleep(awayMs);
  between.mode = 'troubled';
  expect(outcomes(await allEnd(api, captures, 180_000))).toEqual(allWell);
  const restore = { kind: 'restore', image, target: { by: 'serial', serial: 'F2' } };
  expect(outcomes(await allEnd(api, await askOfAll(api, ids, [restore]), 180_000))).toEqual(allWell);
  for (const kind of ['busy', 'late', 'cut'] as const) expect(between.counts[kind]).toBeGreaterThan(0);
  between.mode = 'sound';
  expect(await countWholeImages()).toBe(machines);
  for (let i = 0; i < machines; i++) {
    expect((await readFile(file('target', i))).equals(await readFile(file('source', i)))).toBe(true);
  }
});

it('a service that stays busy fails the job by name, and the job asked for again finishes', {
  timeout: 240_000,
}, async () => {
  const known = new Set(await approveAll(api));
  const agent = await boot(machines, 0);
  const ids = (await api.call<Machine[]>('GET', '/v1/machines')).map(({ id }) => id).filter((id) => !known.has(id));
  // It waits for its machine to be approved, and begins with the service away.
  const jobs = await askOfAll(api, ids, [capture('later')]);
  expect(agent.status.model.machineState).toBe('pending');
  between.mode = 'down';
  await approveAll(api);
  const [failed] = await allEnd(api, jobs, 180_000);
  expect(failed).toMatchObject({
    state: 'failed',
    error: { code: 'server-unreachable', message: expect.stringMatching(/503 SlowDown/) },
  });
  expect(await readFaults(facts)).toMatchObject({ store: expect.any(String) });
  between.mode = 'sound';
  const retried = await api.call<Job>('POST', `/v1/jobs/${failed?.id}/retry`);
  expect(outcomes(await allEnd(api, [retried]))).toEqual([['succeeded', null]]);
  expect(await countWholeImages()).toBe(machines + 1);
  await until(async () => !('store' in (await readFaults(facts))), 'the server is ready again');
});
