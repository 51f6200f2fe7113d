// Jobs as one flat table, a row each (R10): who asked for what where, how it ended, and its figures in bytes and seconds.
import type { Job } from '../../protocol/rest.ts';
import { type Cell, toCsv } from '../csv.ts';

const figures = ['usedBytes', 'bytesSent', 'bytesFetched', 'bytesWritten', 'bytesVerified'] as const;

const headings = [
  ...['job', 'batch', 'retry_of', 'scenario', 'machine_id', 'machine', 'requested_by', 'state', 'held'],
  ...['created_at', 'started_at', 'ended_at', 'seconds', 'steps_done', 'warnings', 'disks', 'images'],
  ...['used_bytes', 'sent_bytes', 'fetched_bytes', 'written_bytes', 'verified_bytes', 'error', 'error_message'],
];

export function jobsToCsv(jobs: readonly Job[]): string {
  return toCsv(headings, jobs.map(toRow));
}

function toRow(job: Job): Cell[] {
  const { results, startedAt, endedAt } = job;
  const seconds = startedAt === null || endedAt === null ? null : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  return [
    ...[job.id, job.batchId, job.retryOf, job.scenarioName, job.machineId, job.machineName, job.requestedBy],
    ...[job.state, job.held, job.createdAt, startedAt, endedAt, seconds, results.length],
    results.reduce((sum, { warnings }) => sum + warnings.length, 0),
    results.flatMap(({ disk }) => disk?.label ?? []).join('; '),
    results.flatMap(({ image }) => image?.name ?? []).join('; '),
    ...figures.map((name) => sumOf(results.flatMap((result) => result.figures[name] ?? []))),
    ...[job.error?.code ?? null, job.error?.message ?? null],
  ];
}

/** Of what no step says there is no sum. */
function sumOf(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : numbers.reduce((sum, number) => sum + number, 0);
}
