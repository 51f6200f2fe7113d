// All kinds of work at once, for as long as one likes: what the server's process holds, minute by minute (R7).
import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServerUnderTest } from './server-under-test.ts';
import { SoakWork } from './soak-work.ts';

const machines = 2;
const sampleEveryMs = 500;

type Minute = {
  readonly minute: number;
  readonly rounds: number;
  readonly jobs: number;
  /** The least that was seen in it, soon after a garbage collection. */
  readonly heapMiB: number;
  readonly externalMiB: number;
  readonly memoryMiB: number;
  readonly descriptors: number;
};

export async function measureMixed(folder: string, minutes: number, args: readonly string[]) {
  const disks = path.join(folder, 'disks');
  await mkdir(disks);
  await using server = await ServerUnderTest.start(path.join(folder, 'server'), args);
  await using work = await SoakWork.open(server, disks, machines);
  const rows: Minute[] = [];
  const startMs = performance.now();
  for (let minute = 1; minute <= minutes; minute++) {
    let [heapBytes, externalBytes] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    let working = true;
    const watched = (async () => {
      for (; working; await sleep(sampleEveryMs)) {
        const metrics = await server.metrics();
        heapBytes = Math.min(heapBytes, metrics.get('nodejs_heap_used_bytes') ?? heapBytes);
        externalBytes = Math.min(externalBytes, metrics.get('nodejs_external_memory_bytes') ?? externalBytes);
      }
    })();
    try {
      while (performance.now() - startMs < minute * 60_000) await work.round();
    } finally {
      working = false;
      await watched;
    }
    const [heapMiB, externalMiB] = [heapBytes / 2 ** 20, externalBytes / 2 ** 20];
    const descriptors = (await readdir(`/proc/${server.child.process.pid}/fd`)).length;
    const { rounds, jobs } = work;
    rows.push({ minute, rounds, jobs, heapMiB, externalMiB, memoryMiB: await server.memoryMiB(), descriptors });
    console.error(JSON.stringify(rows.at(-1)));
  }
  return { minutes: rows };
}
