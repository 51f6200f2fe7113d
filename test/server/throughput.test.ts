// How fast a job goes, from its start to its report: bounded, whatever arrives; kept when the server restarts in the middle.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Job, JobThroughput, Machine } from '../../protocol/rest.ts';
import { addPoint, joinSeries, maxPoints, noSeries, type Series } from '../../server/jobs/throughput-series.ts';
import { ScriptedAgent } from './scripted-agent.ts';
import { errorCode, eventually, TestServer, uuidA } from './support.ts';

const second = 1000;
const seriesOf = (seconds: number, rate: (at: number) => number, fromMs = 0): Series =>
  Array.from({ length: seconds }, (_, i) => ({ atMs: fromMs + i * second, bytesPerSecond: rate(i) })).reduce(
    addPoint,
    noSeries,
  );

it('a series has every second of a short job, and of a long one as many means as fit', () => {
  expect(seriesOf(100, (at) => at).points.map(({ bytesPerSecond }) => bytesPerSecond)).toEqual(
    Array.from({ length: 100 }, (_, i) => i),
  );
  const day = seriesOf(24 * 3600, () => 7);
  expect(day.points.length).toBeGreaterThan(maxPoints / 2 - 1);
  expect(day.points.length).toBeLessThanOrEqual(maxPoints);
  expect(new Set(day.points.map(({ bytesPerSecond }) => bytesPerSecond))).toEqual(new Set([7]));
  const [first, last] = [day.points[0]?.atMs ?? 0, day.points.at(-1)?.atMs ?? 0];
  expect(first).toBeLessThanOrEqual(day.everyMs);
  expect(24 * 3600 * second - last).toBeLessThanOrEqual(2 * day.everyMs);
});

it('a series is in order and bounded, whatever comes and whatever the clock does', () => {
  const points = fc.array(fc.record({ atMs: fc.integer({ min: 0, max: 10 ** 9 }), bytesPerSecond: fc.nat() }), {
    maxLength: 600,
  });
  fc.assert(
    fc.property(points, points, (before, after) => {
      const series = joinSeries(before.reduce(addPoint, noSeries), after.reduce(addPoint, noSeries));
      expect(series.points.length).toBeLessThanOrEqual(maxPoints);
      for (const [i, { atMs }] of series.points.entries()) {
        if (i > 0) expect(atMs).toBeGreaterThan(series.points[i - 1]?.atMs ?? 0);
      }
    }),
    { numRuns: 100 },
  );
});

it('a job has its throughput while it runs, over a restart of the server, and in its report', async () => {
  await using server = await TestServer.start({ approve: 'all' });
  const { port } = server.running;
  const first = await ScriptedAgent.join({ port, uuid: uuidA, token: await server.bootToken(uuidA) });
  await first.next('welcome');
  const [machine] = (await server.machines()) as [Machine];
  await server.api('POST', '/v1/scenarios', { name: 'look', steps: [{ kind: 'check' }], end: 'wait' });
  const { id } = await server.api<Job>('POST', '/v1/jobs', { scenario: 'look', machine: machine.id });
  const rates = async () =>
    (await server.api<JobThroughput>('GET', `/v1/jobs/${id}/throughput`)).points.map(
      ({ bytesPerSecond }) => bytesPerSecond,
    );
  const { leaseId } = await first.next('job');
  const say = (agent: ScriptedAgent, bytesPerSecond: number) =>
    agent.send({
      ...{ type: 'progress', jobId: id, leaseId, step: 0, phase: 'map', bytesDone: 1, bytesTotal: 9 },
      ...{ bytesTransferred: 0, bytesPerSecond },
    });
  expect(await rates()).toEqual([]);
  say(first, 100);
  await eventually(async () => (await server.job(id)).progress?.bytesPerSecond === 100);
  const firstMs = Date.now();
  await server.restart({ approve: 'all' });
  expect(await rates()).toEqual([100]);
  const second = await ScriptedAgent.join(first.facts, { jobId: id, leaseId });
  await second.next('welcome');
  await eventually(async () => {
    say(second, 200);
    const { progress } = await server.job(id);
    // A figure that comes sooner after the first is left out.
    return progress?.bytesPerSecond === 200 && Date.now() > firstMs + 2 * noSeries.everyMs;
  });
  second.send({ type: 'done', jobId: id, leaseId, results: [] });
  await second.next('doneReceived');
  const all = await rates();
  expect([all[0], all.at(-1)]).toEqual([100, 200]);
  const report = await server.api<{ throughput: JobThroughput }>('GET', `/v1/jobs/${id}/report`);
  expect(report.throughput.points.map(({ bytesPerSecond }) => bytesPerSecond)).toEqual(all);
  const absent = await server.tls('/v1/jobs/gone/throughput', { headers: server.operator });
  expect([absent.status, errorCode(absent)]).toEqual([404, 'job-not-found']);
  second.cut();
});
