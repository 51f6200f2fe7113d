// Thousands of jobs, one after another on a few simulated agents: whether the server's memory stays where it is (R7).
import { setTimeout as sleep } from 'node:timers/promises';
import type { Machine } from '../../protocol/rest.ts';
import { makeUpMachine } from './made-up-machine.ts';
import { ServerUnderTest } from './server-under-test.ts';
import { SimulatedAgent } from './simulated-agent.ts';

const agentCount = 50;
const sampleCount = 12;
const withinMs = 60_000;
/** Long enough for a garbage collection, the trace of which is the least that is seen. */
const restMs = 4000;

type Sample = { readonly jobs: number; readonly heapMiB: number; readonly memoryMiB: number };

export async function measureSoak(dataDir: string, jobCount: number, args: readonly string[]) {
  await using server = await ServerUnderTest.start(dataDir, args);
  const agents: SimulatedAgent[] = [];
  for (let number = 0; number < agentCount; number++) agents.push(await join(server, number));
  await server.api('POST', '/v1/scenarios', { name: 'soak', steps: [{ kind: 'check' }], end: 'wait' });
  const machines = (await server.api<Machine[]>('GET', '/v1/machines')).map(({ id }) => id);
  const cycles = Math.ceil(jobCount / agentCount);
  const samples: Sample[] = [];
  const startMs = performance.now();
  for (let cycle = 1; cycle <= cycles; cycle++) {
    await runOnAll(server, agents, machines, cycle);
    if (cycle % Math.max(1, Math.floor(cycles / sampleCount)) === 0)
      samples.push(await sample(server, cycle * agentCount));
  }
  for (const agent of agents) agent.close();
  // What the caches of database and compiler take comes in the first third.
  const [first, last] = [samples[Math.floor(samples.length / 3)], samples.at(-1)];
  const thousands = ((last?.jobs ?? 0) - (first?.jobs ?? 0)) / 1000;
  return {
    jobs: cycles * agentCount,
    seconds: (performance.now() - startMs) / 1000,
    samples,
    heapKiBPerThousandJobs: (((last?.heapMiB ?? 0) - (first?.heapMiB ?? 0)) * 1024) / thousands,
    memoryKiBPerThousandJobs: (((last?.memoryMiB ?? 0) - (first?.memoryMiB ?? 0)) * 1024) / thousands,
  };
}

async function join(server: ServerUnderTest, number: number): Promise<SimulatedAgent> {
  const inventory = makeUpMachine(number);
  const facts = { uuid: inventory.smbios.uuid, macs: inventory.nics.map(({ mac }) => mac) };
  const { token } = await server.api<{ token: string }>('POST', '/v1/boot-token', facts);
  return SimulatedAgent.join(server.child.port, token, inventory);
}

async function runOnAll(
  server: ServerUnderTest,
  agents: readonly SimulatedAgent[],
  machines: string[],
  cycle: number,
): Promise<void> {
  await server.ask('POST', '/v1/batches', { scenario: 'soak', machines });
  await until(() => agents.every(({ busy }) => busy), 'every agent has its job');
  for (const agent of agents) agent.finish();
  await until(() => agents.every(({ jobsDone }) => jobsDone === cycle), 'every job is done');
}

async function sample(server: ServerUnderTest, jobs: number): Promise<Sample> {
  let heapBytes = Number.POSITIVE_INFINITY;
  for (const endMs = performance.now() + restMs; performance.now() < endMs; await sleep(200)) {
    // Lists are what makes the collector run.
    await server.ask('GET', '/v1/jobs?limit=500');
    heapBytes = Math.min(heapBytes, (await server.metrics()).get('nodejs_heap_used_bytes') ?? heapBytes);
  }
  return { jobs, heapMiB: heapBytes / 2 ** 20, memoryMiB: await server.memoryMiB() };
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (const endMs = performance.now() + withinMs; performance.now() < endMs; await sleep(20)) {
    if (condition()) return;
  }
  throw new Error(`${what}: not within ${withinMs / 1000} s`);
}
