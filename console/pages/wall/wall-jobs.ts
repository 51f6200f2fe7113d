// What hangs on the wall: jobs that run or wait, those that failed lately, and all of them together in figures.
import type { Job } from '../../../protocol/rest.ts';

const dayMs = 86_400_000;
/** How long what has ended stays on the wall. */
const stayMs = { succeeded: 60_000, cancelled: 60_000, failed: 3_600_000 };

export type Wall = {
  readonly jobs: readonly Job[];
  readonly running: number;
  readonly queued: number;
  readonly failedToday: number;
  readonly bytesPerSecond: number;
};

const rank: Record<Job['state'], number> = { failed: 0, running: 1, succeeded: 2, cancelled: 2, queued: 3 };
const collator = new Intl.Collator(undefined, { numeric: true });

/** What went wrong first, then what runs, each by machine. */
export function hangUp(jobs: Iterable<Job>, nowMs: number): Wall {
  const all = [...jobs];
  const endedMs = ({ endedAt }: Job): number =>
    endedAt === null ? Number.POSITIVE_INFINITY : nowMs - Date.parse(endedAt);
  const shown = all
    .filter((job) => job.state === 'running' || job.state === 'queued' || endedMs(job) < stayMs[job.state])
    .sort((a, b) => rank[a.state] - rank[b.state] || collator.compare(a.machineName, b.machineName));
  const running = all.filter(({ state }) => state === 'running');
  return {
    jobs: shown,
    running: running.length,
    queued: all.filter(({ state }) => state === 'queued').length,
    failedToday: all.filter((job) => job.state === 'failed' && endedMs(job) < dayMs).length,
    bytesPerSecond: running.reduce((sum, { progress }) => sum + (progress?.bytesPerSecond ?? 0), 0),
  };
}
