// Many agents, each with a job and reporting each second: what that costs the server, and how long a caller waits meanwhile.
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job, Machine } from '../../protocol/rest.ts';
import type { AgentsReport } from '../simulate-agents.ts';
import { percentile, ServerUnderTest } from './server-under-test.ts';

const program = path.join(import.meta.dirname, '../simulate-agents.ts');
const settleMs = 5000;
const callEveryMs = 50;
const calls = ['/v1/machines?limit=50', '/v1/jobs?limit=50', '/v1/me', '/v1/machines?search=SN00001&limit=50'];
const withinMs = 300_000;

export async function measureAgents(dataDir: string, count: number, seconds: number, args: readonly string[]) {
  await using server = await ServerUnderTest.start(dataDir, args);
  const agents = fork(program, [String(server.child.port), String(count)]);
  try {
    return await measure(server, agents, count, seconds);
  } finally {
    agents.kill();
  }
}

async function measure(server: ServerUnderTest, agents: ChildProcess, count: number, seconds: number) {
  let latest: AgentsReport | undefined;
  agents.on('message', (report: AgentsReport) => {
    latest = report;
  });
  const until = async (condition: (report: AgentsReport) => boolean, what: string): Promise<AgentsReport> => {
    for (const endMs = performance.now() + withinMs; performance.now() < endMs; await sleep(100)) {
      if (latest !== undefined && condition(latest)) return latest;
    }
    throw new Error(`${what}: not within ${withinMs / 1000} s; ${JSON.stringify(latest)}`);
  };
  const joined = await until(({ connected }) => connected === count, 'every agent connected');
  const joinCpuSeconds = await server.cpuSeconds();
  await server.api('POST', '/v1/scenarios', { name: 'load', steps: [{ kind: 'check' }], end: 'wait' });
  const machines = await server.api<Machine[]>('GET', '/v1/machines');
  const dispatchStartMs = performance.now();
  for (const { id } of machines) await server.api('POST', '/v1/jobs', { scenario: 'load', machine: id });
  await until(({ busy }) => busy === count, 'every agent has its job');
  const dispatchSeconds = (performance.now() - dispatchStartMs) / 1000;
  await sleep(settleMs);

  await server.metrics();
  const before = { cpu: await server.cpuSeconds(), atMs: performance.now() };
  const waits: number[] = [];
  for (let call = 0; performance.now() - before.atMs < seconds * 1000; call++) {
    const nextMs = before.atMs + (call + 1) * callEveryMs;
    waits.push(await server.time(calls[call % calls.length] ?? ''));
    await sleep(Math.max(0, nextMs - performance.now()));
  }
  const elapsed = (performance.now() - before.atMs) / 1000;
  const metrics = await server.metrics();
  const cpu = (await server.cpuSeconds()) - before.cpu;
  const memoryMiB = await server.memoryMiB();

  agents.send({ order: 'finish' });
  await until(({ jobsDone }) => jobsDone === count, 'every job done');
  const [lost, connected] = [await countLost(server), (await until(() => true, '')).connected];
  return {
    agents: count,
    joinSeconds: joined.joinSeconds,
    joinCpuSeconds,
    dispatchSeconds,
    seconds: elapsed,
    cpuPercent: (cpu / elapsed) * 100,
    memoryMiB,
    calls: waits.length,
    callP50Ms: percentile(waits, 0.5),
    callP99Ms: percentile(waits, 0.99),
    callMaxMs: Math.max(...waits),
    loopP99Ms: (metrics.get('deploy_os_event_loop_delay_seconds{quantity="p99"}') ?? Number.NaN) * 1000,
    loopMaxMs: (metrics.get('deploy_os_event_loop_delay_seconds{quantity="max"}') ?? Number.NaN) * 1000,
    disconnected: count - connected,
    jobsWithoutLastProgress: lost,
  };
}

/** Each agent's last report is said right before the end of its job, and every job has it. */
async function countLost(server: ServerUnderTest): Promise<number> {
  let lost = 0;
  for (let before = ''; ; ) {
    const jobs = await server.api<Job[]>('GET', `/v1/jobs?limit=1000${before}`);
    lost += jobs.filter(
      ({ state, progress }) => state !== 'succeeded' || !((progress?.bytesDone ?? 0) > 2 ** 26),
    ).length;
    if (jobs.length < 1000) return lost;
    before = `&before=${jobs[0]?.id}`;
  }
}
