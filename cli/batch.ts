// `deploy-os batch …`: one scenario on many machines, as one table.
import type { Command } from 'commander';
import type { z } from 'zod';
import { batchPageSchema, batchWithJobsSchema } from '../protocol/batches.ts';
import { DeployError } from '../protocol/errors.ts';
import type { Event } from '../protocol/events.ts';
import type { Job } from '../protocol/rest.ts';
import { type ConnectOptions, callOnce, connect, withServerOptions } from './connect.ts';
import { afterEvents } from './live-events.ts';
import { formatBytes, printJson, printTable } from './output.ts';

type BatchWithJobs = z.infer<typeof batchWithJobsSchema>;

/** Where lines are not redrawn, the table is only drawn anew so often. */
const redrawMs = process.stderr.isTTY ? 1000 : 10_000;
const serverAwayMs = 15 * 60 * 1000;

export function addCommands(program: Command): void {
  const batch = program.command('batch').description('Batches: jobs that were asked for together');
  withServerOptions(batch.command('list').description('List batches, newest first')).action(list);
  withServerOptions(batch.command('show <batch>').description('Show how the jobs of a batch stand')).action(
    async (id: string, options: ConnectOptions) =>
      printBatch(await callOnce(options, 'GET', pathOf(id), batchWithJobsSchema), options),
  );
  for (const [verb, says] of [
    ['cancel', 'Stop every job of it that has not ended'],
    ['pause', 'Pause every job of it that has not ended'],
    ['resume', 'Let its paused jobs go on'],
  ] as const) {
    withServerOptions(batch.command(`${verb} <batch>`).description(says)).action(
      async (id: string, options: ConnectOptions) =>
        printBatch(await callOnce(options, 'POST', `${pathOf(id)}/${verb}`, batchWithJobsSchema, {}), options),
    );
  }
}

function pathOf(id: string): string {
  return `/v1/batches/${encodeURIComponent(id)}`;
}

export function askForBatch(options: ConnectOptions, request: object): Promise<BatchWithJobs> {
  return callOnce(options, 'POST', '/v1/batches', batchWithJobsSchema, request);
}

async function list(options: ConnectOptions): Promise<void> {
  const page = await callOnce(options, 'GET', '/v1/batches', batchPageSchema);
  if (options.json === true) return printJson(page.batches);
  printTable(
    ['ID', 'SCENARIO', 'CREATED', 'BY', 'JOBS'],
    page.batches.map((batch) => [
      batch.id,
      batch.scenarioName,
      batch.createdAt,
      batch.requestedBy ?? '',
      countWords(batch.counts),
    ]),
  );
}

export function printBatch(batch: BatchWithJobs, options: ConnectOptions): void {
  if (options.json === true) {
    printJson(batch);
    return;
  }
  process.stdout.write(`${batch.id}: ${batch.scenarioName}: ${countWords(batch.counts)}\n`);
  printTable(
    ['JOB', 'MACHINE', 'STATE', 'PROGRESS', 'ERROR'],
    batch.jobs.map((job) => [
      job.id,
      job.machineName,
      stateOf(job),
      progressOf(job),
      job.error?.message ?? job.waitsFor ?? '',
    ]),
  );
}

function countWords(counts: BatchWithJobs['counts']): string {
  const words = Object.entries(counts).filter(([, count]) => count > 0);
  return words.map(([state, count]) => `${count} ${state}`).join(', ');
}

function stateOf({ state, held }: Job): string {
  return held === null ? state : `${state} (${held})`;
}

function progressOf({ state, progress }: Job): string {
  if (state !== 'running' || progress === null) return '';
  const percent = progress.bytesTotal === 0 ? 0 : Math.floor((100 * progress.bytesDone) / progress.bytesTotal);
  return `${progress.phase} ${percent} %, ${formatBytes(progress.bytesPerSecond)}/s`;
}

/** Draws the table on stderr until every job has ended; fails when one did not succeed. */
export async function watchBatch(id: string, options: ConnectOptions): Promise<void> {
  const client = await connect(options, serverAwayMs);
  const live = client.listen({ jobs: true });
  const read = (): Promise<BatchWithJobs> => client.call('GET', pathOf(id), batchWithJobsSchema);
  try {
    let drawn = 0;
    let nextMs = 0;
    for (let batch = await read(); ; ) {
      const ended = batch.jobs.every(({ endedAt }) => endedAt !== null);
      if (ended) batch = await read();
      if (ended || performance.now() >= nextMs) {
        drawn = draw(batch, drawn);
        nextMs = performance.now() + redrawMs;
      }
      if (ended) return report(batch, options);
      const events = await live.next();
      batch = events === null ? await read() : batchAfter(batch, events);
    }
  } finally {
    live.close();
    client.close();
  }
}

function batchAfter(batch: BatchWithJobs, events: readonly Event[]): BatchWithJobs {
  const jobs = batch.jobs.map((job) => afterEvents(job, events));
  const held = jobs.filter((job) => job.held !== null).length;
  return { ...batch, jobs, counts: { ...countStates(jobs), held } };
}

function countStates(jobs: readonly Job[]): Record<Job['state'], number> {
  const counts = { queued: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
  for (const { state } of jobs) counts[state] += 1;
  return counts;
}

/** Over what was drawn before, on a terminal; returns how many lines that is. What does not fit the screen is counted. */
function draw(batch: BatchWithJobs, linesBefore: number): number {
  const room = process.stderr.isTTY ? Math.max(1, (process.stderr.rows ?? 24) - 4) : Number.POSITIVE_INFINITY;
  const order = ['running', 'failed', 'queued', 'cancelled', 'succeeded'];
  const jobs = batch.jobs.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  const width = Math.max(...jobs.map(({ machineName }) => machineName.length));
  const lines = jobs.slice(0, room).map((job) => {
    const note = job.error?.code ?? job.waitsFor ?? progressOf(job);
    return `${job.machineName.padEnd(width)}  ${stateOf(job).padEnd(10)}  ${note}`;
  });
  if (jobs.length > room) lines.push(`and ${jobs.length - room} more`);
  lines.push(countWords(batch.counts));
  const columns = process.stderr.isTTY ? (process.stderr.columns ?? 80) - 1 : Number.POSITIVE_INFINITY;
  const text = lines.map((line) => line.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?').slice(0, columns)).join('\n');
  process.stderr.write(process.stderr.isTTY && linesBefore > 0 ? `\x1b[${linesBefore}A\x1b[J${text}\n` : `${text}\n`);
  return lines.length;
}

function report(batch: BatchWithJobs, options: ConnectOptions): void {
  const failed = batch.jobs.filter(({ state }) => state !== 'succeeded');
  if (options.json === true) printJson(batch);
  if (failed.length === 0) return;
  const names = failed.slice(0, 10).map(({ machineName, error }) => `${machineName} (${error?.code ?? 'cancelled'})`);
  throw new DeployError(
    'server-error',
    `batch ${batch.id}: ${failed.length} of ${batch.jobs.length} jobs did not succeed: ${names.join(', ')}`,
    {
      hint: 'See `deploy-os job show JOB` for each, and `deploy-os job retry JOB`.',
    },
  );
}
