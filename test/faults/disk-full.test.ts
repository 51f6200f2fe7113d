// The server's disks are full in the middle of jobs: that of the images, that of the database (SQLite's, and that of a real PostgreSQL), and the one that both share. Jobs end with an error that
// says what to do, or wait to be told; the server stays up; nothing acknowledged is lost, and once there is room everything goes on.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import { openStore } from '../../imaging/store/open-store.ts';
import { fetchPinnedCa } from '../../imaging/store/pinned-ca.ts';
import { type DeployError, toDeployError } from '../../protocol/errors.ts';
import type { Job } from '../../protocol/rest.ts';
import {
  type Api,
  allEnd,
  approveAll,
  askOfAll,
  FleetAgent,
  openApi,
  readFaults,
  readJobs,
  until,
  verifyAll,
} from '../fixtures/agent/fleet.ts';
import { killAndWait, type ServerFacts, startServerProcess } from '../fixtures/agent/site.ts';
import { createDatabase } from '../fixtures/postgres-databases.ts';
import { PostgresService } from '../fixtures/postgres-service.ts';

const mib = 2 ** 20;
const diskBytes = 24 * mib;
const machines = 3;

let dir: string;
const cleanUps: (() => unknown)[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'deploy-os-full-'));
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  await rm(dir, { recursive: true, force: true });
});

/** A file system in memory, of so many MiB. */
async function mountSmall(name: string, sizeMib: number): Promise<{ folder: string; resize(toMib: number): void }> {
  const folder = join(dir, name);
  await mkdir(folder);
  const mount = (options: string) => execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'none', folder]);
  mount(`size=${sizeMib}m`);
  cleanUps.push(() => execFileSync('umount', [folder]));
  return { folder, resize: (toMib) => mount(`remount,size=${toMib}m`) };
}

/** A server, and machines with a disk each and room for another one. */
async function openSite(
  data: string,
  places: { readonly store?: string; readonly database?: string } = {},
): Promise<{ facts: ServerFacts; api: Api; agents: FleetAgent[] }> {
  const { child, facts } = await startServerProcess(data, 0, places);
  cleanUps.push(() => killAndWait(child));
  const api = await openApi(facts);
  const agents: FleetAgent[] = [];
  cleanUps.push(() => {
    for (const { session } of agents) session.close();
    api.close();
  });
  for (let i = 0; i < machines; i++) {
    for (const kind of ['source', 'target'] as const) {
      await writeFile(disk(kind, i), kind === 'source' ? randomBytes(diskBytes) : '');
      await truncate(disk(kind, i), diskBytes);
    }
    agents.push(await FleetAgent.boot(facts, [disk('source', i), disk('target', i)]));
  }
  return { facts, api, agents };
}

const disk = (kind: 'source' | 'target', i: number) => join(dir, `${kind}-${i}`);
const captureTo = (image: string) => [{ kind: 'capture', source: { by: 'serial', serial: 'F1' }, image }];
const restoreOf = (image: string) => [{ kind: 'restore', image, target: { by: 'serial', serial: 'F2' } }];

async function openStoreOf({ url, caFingerprint, operatorToken }: ServerFacts): Promise<ChunkStore> {
  const { ca } = await fetchPinnedCa(url, caFingerprint);
  const store = await openHttpStore({ url, ca, headers: { authorization: `Bearer ${operatorToken}` } });
  cleanUps.push(() => store.close());
  return store;
}

async function retryAll(api: Api, jobs: readonly Job[]): Promise<Job[]> {
  const retried = await Promise.all(jobs.map(({ id }) => api.call<Job>('POST', `/v1/jobs/${id}/retry`)));
  return allEnd(api, retried);
}

async function countImages(store: string): Promise<number> {
  const opened = await openStore(store);
  return verifyAll(opened).finally(() => opened.close());
}

it('a full disk of images fails captures by name, and they are done once there is room', {
  timeout: 240_000,
}, async () => {
  const small = await mountSmall('images', 40);
  const { facts, api, agents } = await openSite(join(dir, 'server'), { store: small.folder });
  const ids = await approveAll(api);
  const ofFirst = ids.slice(0, 1);
  const [before] = await allEnd(api, await askOfAll(api, ofFirst, captureTo('before')));
  expect(before).toMatchObject({ state: 'succeeded', error: null });

  // Machines are listed in another order than they were booted in.
  const captured = agents.findIndex(({ status }) => status.model.machineName === before?.machineName);
  const content = await readFile(disk('source', captured));
  for (let i = 0; i < machines; i++) await writeFile(disk('source', i), randomBytes(diskBytes));
  const failed = await allEnd(api, await askOfAll(api, ids, captureTo('after {machine}')));
  for (const { state, error } of failed) {
    expect(state).toBe('failed');
    expect(error?.code).toBe('store-full');
    expect(error?.message).toContain(small.folder);
    expect(error?.message).toMatch(/ENOSPC/);
    expect(error?.hint).toMatch(/^Make room/);
  }
  expect(await readFaults(facts)).toMatchObject({ store: expect.stringMatching(/ENOSPC|room left/) });
  expect(await countImages(small.folder)).toBe(1);
  const [restored] = await allEnd(api, await askOfAll(api, ofFirst, restoreOf('before')));
  expect(restored).toMatchObject({ state: 'succeeded', error: null });
  expect((await readFile(disk('target', captured))).equals(content)).toBe(true);

  small.resize(400);
  const done = await retryAll(api, failed);
  expect(done.map(({ state, error }) => [state, error])).toEqual(Array(machines).fill(['succeeded', null]));
  expect(await countImages(small.folder)).toBe(1 + machines);
  await until(async () => !('store' in (await readFaults(facts))), 'the server is ready again');
});

it('a full disk of the database keeps what was acknowledged, and agents tell later', { timeout: 240_000 }, async () => {
  const small = await mountSmall('server', 32);
  const { facts, api, agents } = await openSite(small.folder, { store: join(dir, 'images') });
  const jobs = await askOfAll(api, await approveAll(api), captureTo('disk of {machine}'));
  await until(() => agents.every(({ status }) => status.model.busy), 'every machine has its job');

  const { refusal, acknowledged } = await fillAndWrite(small.folder, facts);
  expect(refusal).toMatchObject({
    code: 'server-unreachable',
    message: expect.stringMatching(/database cannot be written: .*full/),
  });
  const untold = () => agents.every(({ status: { model } }) => model.busy && model.job === null);
  await until(untold, 'every agent has captured, and cannot say so', 120_000);
  expect((await readJobs(api, jobs)).map(({ state }) => state)).toEqual(Array(machines).fill('running'));
  expect(await readFaults(facts)).toMatchObject({ disk: expect.any(String) });

  await rm(join(small.folder, 'fill'));
  const ended = await allEnd(api, jobs);
  expect(ended.map(({ state, error }) => [state, error])).toEqual(Array(machines).fill(['succeeded', null]));
  const kept = new Set((await api.call<{ name: string }[]>('GET', '/v1/scenarios')).map(({ name }) => name));
  expect(acknowledged.filter((name) => !kept.has(name))).toEqual([]);
  expect(await countImages(join(dir, 'images'))).toBe(machines);
});

it('a full disk of PostgreSQL keeps what was acknowledged, and jobs are done once there is room', {
  timeout: 240_000,
}, async () => {
  await chmod(dir, 0o711);
  const small = await mountSmall('postgres', 192);
  const service = await PostgresService.start(small.folder);
  cleanUps.push(() => service.remove());
  const database = await createDatabase(service.url('postgres'));
  const { facts, api, agents } = await openSite(join(dir, 'server'), { store: join(dir, 'images'), database });
  const jobs = await askOfAll(api, await approveAll(api), captureTo('disk of {machine}'));
  await until(() => agents.every(({ status }) => status.model.busy), 'every machine has its job');

  const { refusal, acknowledged } = await fillAndWrite(small.folder, facts);
  // Without room for rows it refuses; without room for its log it crashes.
  expect(refusal).toMatchObject({
    code: 'server-unreachable',
    message: expect.stringMatching(/database (cannot be written|does not answer): /),
  });
  await until(() => agents.every(({ status }) => status.model.job === null), 'every agent has captured', 120_000);

  await rm(join(small.folder, 'fill'));
  if (service.ended) await service.resume();
  const ended = await allEnd(api, jobs);
  expect(ended.map(({ state, error }) => [state, error])).toEqual(Array(machines).fill(['succeeded', null]));
  const kept = new Set((await api.call<{ name: string }[]>('GET', '/v1/scenarios')).map(({ name }) => name));
  expect(acknowledged.filter((name) => !kept.has(name))).toEqual([]);
  expect(await countImages(join(dir, 'images'))).toBe(machines);
});

it('images leave room for the database that lies beside them, so that some can be deleted', {
  timeout: 240_000,
}, async () => {
  const small = await mountSmall('server', 256 + 45);
  const { facts, api } = await openSite(small.folder);
  const ids = await approveAll(api);
  const [old] = await allEnd(api, await askOfAll(api, ids.slice(0, 1), captureTo('old')));
  expect(old).toMatchObject({ state: 'succeeded', error: null });

  for (let i = 0; i < machines; i++) await writeFile(disk('source', i), randomBytes(diskBytes));
  const failed = await allEnd(api, await askOfAll(api, ids.slice(0, 1), captureTo('new')));
  expect(failed).toMatchObject([
    {
      state: 'failed',
      error: {
        code: 'store-full',
        message: expect.stringMatching(/ MiB of room left, which are kept for the database/),
        hint: expect.stringMatching(/^Make room/),
      },
    },
  ]);
  await api.call('DELETE', '/v1/images/old');
  await collectGarbage(await openStoreOf(facts), { olderThanMs: 0, dryRun: false });
  const done = await retryAll(api, failed);
  expect(done).toMatchObject([{ state: 'succeeded', error: null }]);
  expect(await countImages(join(small.folder, 'store'))).toBe(1);
});

/** Takes all the room that there is. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w');
  for (const bytes of [mib, 4096]) {
    const write = () =>
      handle.write(Buffer.alloc(bytes)).then(
        () => true,
        () => false,
      );
    while (await write());
  }
  await handle.close();
}

/** Fills the folder's disk, and has the server keep one thing after the other until it refuses: what it says then, and the names that it said are kept. */
async function fillAndWrite(
  folder: string,
  facts: ServerFacts,
): Promise<{ refusal: DeployError; acknowledged: readonly string[] }> {
  await fill(join(folder, 'fill'));
  const api = await openApi(facts, 0);
  cleanUps.push(() => api.close());
  const acknowledged: string[] = [];
  for (let i = 0; i < 10_000; i++) {
    const name = `written ${i}`;
    try {
      await api.call('POST', '/v1/scenarios', { name, steps: [{ kind: 'check' }] });
    } catch (thrown) {
      return { refusal: toDeployError(thrown), acknowledged };
    }
    acknowledged.push(name);
  }
  throw new Error('the database is never full');
}
