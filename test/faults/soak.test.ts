// R7: a server's day in small, again and again, leaves nothing behind: no object on the heap, no descriptor, no thread, no row of a table that is not a
// history; neither in the server nor in an agent that does one job after another. A real server and real agents over loopback, beside simulated agents.
// Bytes are not compared: what the compiler makes of busy functions hides small leaks. docs/performance.md has longer soaks.
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { ServerUnderTest } from '../../scripts/load/server-under-test.ts';
import { SoakWork } from '../../scripts/load/soak-work.ts';
import type { DatabaseLocation } from '../../server/database/location.ts';
import { openDatabase } from '../../server/database/open.ts';
import type { Database, Tables } from '../../server/database/schema.ts';
import { countHeapObjects, heapObjectsOptions } from '../fixtures/heap-objects.ts';
import { createDatabase } from '../fixtures/postgres-databases.ts';
import { PostgresService } from '../fixtures/postgres-service.ts';
import { runsAll } from '../fixtures/run-all.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const roundsOfStretch = 5;
/** What warms up or fills a cache has an end (32 known images, 50 lines on an agent's screen); a leak goes on in each stretch of rounds, for ever. */
const mostStretches = 10;

/** Tables that tell what was: they grow with what is done. */
const histories = new Set('jobs jobLog jobThroughput batches scheduleRuns diskChecks audit changes'.split(' '));

type Counts = ReadonlyMap<string, number>;

afterAll(() => {
  vi.unstubAllEnvs();
});

const left = 'of rounds of captures, restores, checks, schedules, logins, watchers and boots nothing is left';

it(`${left}, on SQLite`, async () => {
  await withTempDirectory(async (folder) => {
    await expectNothingLeft(folder, { kind: 'sqlite', path: path.join(folder, 'deploy-os.sqlite') });
  });
}, 900_000);

it.runIf(runsAll)(
  `${left}, on PostgreSQL`,
  async () => {
    const service = await PostgresService.start();
    try {
      const url = await createDatabase(service.url('postgres'));
      await withTempDirectory((folder) => expectNothingLeft(folder, { kind: 'postgres', url, place: '' }));
    } finally {
      await service.remove();
    }
  },
  1_800_000,
);

async function expectNothingLeft(folder: string, location: DatabaseLocation): Promise<void> {
  for (const name of ['disks', 'heaps']) await mkdir(path.join(folder, name));
  const [disks, heaps] = [path.join(folder, 'disks'), path.join(folder, 'heaps')];
  vi.stubEnv('NODE_OPTIONS', heapObjectsOptions(heaps));
  await using server = await ServerUnderTest.start(
    folder,
    location.kind === 'postgres' ? ['--database', location.url] : [],
  );
  await using work = await SoakWork.open(server, disks, 2);
  await using db = await openDatabase(location);
  const look = async (): Promise<Counts> => {
    const ofServer = await countHeld(server.child.process.pid, heaps);
    const ofAgent = await countHeld(work.agents[0]?.pid, heaps);
    return new Map([
      ...named('row of', await countRows(db)),
      ...named('server:', ofServer),
      ...named('agent:', ofAgent),
    ]);
  };

  await work.round();
  let before = await look();
  let growing: ReadonlySet<string> | undefined;
  for (let stretch = 0; stretch < mostStretches && growing?.size !== 0; stretch++) {
    for (let round = 0; round < roundsOfStretch; round++) await work.round();
    const after = await look();
    const grown = whatGrew(before, after);
    growing = growing === undefined ? grown : new Set([...growing].filter((what) => grown.has(what)));
    before = after;
  }

  expect([...(growing ?? [])]).toEqual([]);
}

/** Of what each round has left one behind, or more. */
function whatGrew(before: Counts, after: Counts): ReadonlySet<string> {
  const grown = [...after].filter(([what, count]) => count - (before.get(what) ?? 0) >= roundsOfStretch);
  return new Set(grown.map(([what]) => what));
}

function named(prefix: string, counts: Counts): [string, number][] {
  return [...counts].map(([what, count]) => [`${prefix} ${what}`, count]);
}

async function countHeld(pid = 0, heaps: string): Promise<Counts> {
  const objects = await countHeapObjects(pid, heaps);
  const [descriptors, threads] = await Promise.all(['fd', 'task'].map((name) => readdir(`/proc/${pid}/${name}`)));
  return new Map([...objects, ['descriptors', descriptors?.length ?? 0], ['threads', threads?.length ?? 0]]);
}

async function countRows(db: Database): Promise<Counts> {
  const counts = new Map<string, number>();
  for (const { name } of await db.introspection.getTables()) {
    if (histories.has(name)) continue;
    const count = db.selectFrom(name as keyof Tables).select(({ fn }) => fn.countAll<number | string>().as('count'));
    counts.set(name, Number((await count.executeTakeFirstOrThrow()).count));
  }
  return counts;
}
