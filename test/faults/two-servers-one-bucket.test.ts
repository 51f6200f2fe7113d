// Two servers on one PostgreSQL and one bucket, each killed once: one in the middle of captures, the other in the middle of restores. Agents go to
// the one that is left, every job is done once, and every disk is what it was.
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseS3Location } from '../../imaging/store/s3/location.ts';
import { openS3Store } from '../../imaging/store/s3-store.ts';
import {
  type Api,
  allEnd,
  approveAll,
  askOfAll,
  countRuns,
  FleetAgent,
  isInTheMiddleOf,
  openApi,
  verifyAll,
} from '../fixtures/agent/fleet.ts';
import { killAndWait, startServerProcess } from '../fixtures/agent/site.ts';
import { createDatabase } from '../fixtures/postgres-databases.ts';
import { PostgresService } from '../fixtures/postgres-service.ts';
import { makeBucket, type S3Service, startS3Service } from '../fixtures/s3-service.ts';

const diskBytes = 48 * 2 ** 20;
const machines = 4;

let dir: string;
let postgres: PostgresService;
let s3: S3Service;
let database: string;
let store: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'deploy-os-bucket-'));
  [postgres, s3] = await Promise.all([PostgresService.start(), startS3Service()]);
  database = await createDatabase(postgres.url('postgres'));
  store = await makeBucket(s3, 'images');
}, 300_000);
afterAll(async () => {
  await Promise.all([postgres?.remove(), s3?.stop()]);
  await rm(dir, { recursive: true, force: true });
});

const start = (name: string, port = 0) =>
  startServerProcess(join(dir, name), port, { database, store, environment: s3.environment });
const source = (i: number) => join(dir, `source-${i}`);
const target = (i: number) => join(dir, `target-${i}`);

it('lose nothing and do nothing twice (R8)', { timeout: 240_000 }, async () => {
  const first = await start('a');
  await mkdir(join(dir, 'b'));
  await copyFile(join(dir, 'a', 'secrets.key'), join(dir, 'b', 'secrets.key'));
  const second = await start('b');
  const running = [first, second];
  const apis: Api[] = [];
  const agents: FleetAgent[] = [];
  try {
    const contents = Array.from({ length: machines }, () => randomBytes(diskBytes));
    for (const [i, content] of contents.entries()) {
      await writeFile(source(i), content);
      await writeFile(target(i), '');
      await truncate(target(i), diskBytes);
      agents.push(await FleetAgent.boot(i % 2 === 0 ? first.facts : second.facts, [source(i), target(i)]));
    }
    const [ofFirst] = agents as [FleetAgent];

    const atSecond = await openApi(second.facts);
    apis.push(atSecond);
    const ids = await approveAll(atSecond);
    const image = 'disk of {machine}';
    const captures = await askOfAll(atSecond, ids, [
      { kind: 'capture', source: { by: 'serial', serial: 'F1' }, image },
    ]);
    await isInTheMiddleOf(ofFirst, 'capture');
    await killAndWait(first.child);
    const captured = await allEnd(atSecond, captures);
    expect(captured.map(({ state, error }) => [state, error])).toEqual(Array(machines).fill(['succeeded', null]));
    expect(ofFirst.messages).toContain(`connected to ${second.facts.url} now`);
    expect(await countRuns(atSecond, captures)).toEqual(Array(machines).fill([1, 1]));
    const bucket = await openS3Store(parseS3Location(store, s3.environment), { create: false });
    expect(await verifyAll(bucket)).toBe(machines);
    await bucket.close();

    // It is back at its old address, where the agents of the second look for it.
    const again = await start('a', first.facts.port);
    running.push(again);
    const restores = await askOfAll(atSecond, ids, [
      { kind: 'restore', image, target: { by: 'serial', serial: 'F2' } },
    ]);
    await isInTheMiddleOf(ofFirst, 'write');
    await killAndWait(second.child);
    const atFirst = await openApi(again.facts);
    apis.push(atFirst);
    const restored = await allEnd(atFirst, restores);
    expect(restored.map(({ state, error }) => [state, error])).toEqual(Array(machines).fill(['succeeded', null]));
    for (const agent of agents) expect(agent.messages).toContain(`connected to ${again.facts.url} now`);
    expect(await countRuns(atFirst, restores)).toEqual(Array(machines).fill([1, 1]));
    for (const [i, content] of contents.entries()) expect((await readFile(target(i))).equals(content)).toBe(true);
  } finally {
    for (const { session } of agents) session.close();
    for (const api of apis) api.close();
    for (const { child } of running) await killAndWait(child);
  }
});
