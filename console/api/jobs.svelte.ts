// All jobs, kept up to date with their progress.
import type { Event } from '../../protocol/events.ts';
import type { Job } from '../../protocol/rest.ts';
import { get } from './client.ts';
import { LiveList } from './live-list.svelte.ts';
import { throughput } from './throughput.svelte.ts';

/** An event of a job has neither results nor progress; its end has results to be read. */
function apply(items: Map<string, Job>, event: Event): string | undefined {
  if (event.type === 'jobGone') items.delete(event.id);
  if (event.type === 'progress') {
    const job = items.get(event.jobId);
    if (job !== undefined) items.set(job.id, { ...job, progress: event.progress });
    throughput.note(event.jobId, event.progress);
  }
  if (event.type !== 'job') return undefined;
  const { type: _, ...job } = event;
  const before = items.get(event.id);
  items.set(event.id, { ...job, results: before?.results ?? [], progress: before?.progress ?? null });
  return event.state === 'succeeded' || event.state === 'failed' ? event.id : undefined;
}

const readOne = (id: string): Promise<Job> => get<Job>(`/v1/jobs/${encodeURIComponent(id)}`);

/** Those of one machine. */
export function jobsOf(machineId: string): LiveList<Job> {
  return new LiveList<Job>({
    wants: { jobs: true },
    readAll: () => get<Job[]>(`/v1/jobs?machine=${encodeURIComponent(machineId)}`),
    readOne,
    apply: (items, event) => (event.type === 'job' && event.machineId !== machineId ? undefined : apply(items, event)),
  });
}

export const newestCount = 500;

/** The newest, and all that run or wait however old they are. */
async function readAll(): Promise<Job[]> {
  const [running, queued, newest] = await Promise.all([
    get<Job[]>('/v1/jobs?state=running&limit=1000'),
    get<Job[]>('/v1/jobs?state=queued&limit=1000'),
    get<Job[]>(`/v1/jobs?limit=${newestCount}`),
  ]);
  return [...running, ...queued, ...newest];
}

export const readOlderJobs = (before: string): Promise<Job[]> =>
  get<Job[]>(`/v1/jobs?limit=${newestCount}&before=${encodeURIComponent(before)}`);

export const jobs = new LiveList<Job>({
  wants: { jobs: true },
  readAll,
  readOne,
  apply,
});
