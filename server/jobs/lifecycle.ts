// The states of a job and every way from one to another, as one pure function; what is stored and sent is elsewhere.
import { DeployError, type ErrorBody, type ErrorCode } from '../../protocol/errors.ts';
import type { JobHold, JobResult, JobState } from '../../protocol/rest.ts';

/** Handed to an agent with the job; its boot id says which boot of the machine runs it. */
export type Lease = { readonly id: string; readonly bootId: string };

type JobError = { readonly code: string; readonly message: string; readonly hint?: string | undefined };

export type JobLife = {
  readonly state: JobState;
  readonly cancelRequested: boolean;
  /** A waiting job is not handed out; a running one stands still between two chunks. */
  readonly held: JobHold | null;
  /** Of a queued job: the lease that lapsed last, which may still be taken up again by its agent. */
  readonly lease: Lease | null;
  /** How often it is tried again by itself when an error is worth it. */
  readonly retries: number;
  /** It is not handed out before. */
  readonly notBefore: string | null;
  /** How often the job was handed to an agent. */
  readonly handOuts: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  readonly results: readonly JobResult[];
  readonly error: JobError | null;
};

export type JobEvent =
  /** To an agent that runs nothing: the first time, or again after its machine booted anew. */
  | { readonly kind: 'hand-out'; readonly lease: Lease; readonly at: string }
  /** An agent is back that still runs the job under this lease. */
  | { readonly kind: 'resume'; readonly leaseId: string }
  | {
      readonly kind: 'done';
      readonly leaseId: string;
      readonly results: readonly JobResult[];
      readonly error: JobError | null;
      readonly at: string;
    }
  | { readonly kind: 'cancel'; readonly at: string }
  /** The second person does not agree. */
  | { readonly kind: 'reject'; readonly error: JobError; readonly at: string }
  | { readonly kind: 'hold' | 'release'; readonly reason: JobHold }
  /** Nothing was heard of the agent for too long. */
  | { readonly kind: 'lapse'; readonly at: string };

/** A machine that reboots in the middle of its job this often will not finish it: stop wearing its disk. */
const maxHandOuts = 10;

export const newJobLife: JobLife = {
  state: 'queued',
  cancelRequested: false,
  held: null,
  lease: null,
  retries: 0,
  notBefore: null,
  handOuts: 0,
  startedAt: null,
  endedAt: null,
  results: [],
  error: null,
};

/**
 * The job after the event.
 * @throws DeployError job-state when the job has ended or the event does not fit its state; lease-lost when another lease holds it.
 */
export function nextJobLife(job: JobLife, event: JobEvent): JobLife {
  switch (event.kind) {
    case 'hand-out':
      return handOut(job, event.lease, event.at);
    case 'resume':
      requireUnfinished(job);
      requireLease(job, event.leaseId);
      return { ...job, state: 'running' };
    case 'done':
      return finish(job, event);
    case 'cancel':
      requireUnfinished(job);
      return job.state === 'queued' ? end(job, 'cancelled', event.at, null) : { ...job, cancelRequested: true };
    case 'reject':
      requireUnfinished(job);
      requireHold(job, ['second-person']);
      return end(job, 'cancelled', event.at, event.error);
    case 'hold':
      requireUnfinished(job);
      requireHold(job, [null, event.reason]);
      return { ...job, held: event.reason };
    case 'release':
      requireUnfinished(job);
      requireHold(job, [event.reason]);
      return { ...job, held: null };
    case 'lapse':
      if (job.state !== 'running') throw stateError(job);
      return job.cancelRequested ? end(job, 'cancelled', event.at, null) : { ...job, state: 'queued' };
  }
}

function handOut(job: JobLife, lease: Lease, at: string): JobLife {
  requireUnfinished(job);
  if (job.cancelRequested) return end(job, 'cancelled', at, null);
  // Its machine has booted anew while it stood still: it waits, and what comes after it goes on.
  if (job.held !== null) return { ...job, state: 'queued' };
  if (job.handOuts >= maxHandOuts) return end(job, 'failed', at, tooManyHandOuts());
  return { ...job, state: 'running', lease, handOuts: job.handOuts + 1, startedAt: job.startedAt ?? at };
}

function finish(job: JobLife, event: Extract<JobEvent, { kind: 'done' }>): JobLife {
  requireLease(job, event.leaseId);
  if (isEnded(job.state)) return job; // the answer to an earlier `done` was lost
  if (event.error !== null && job.retries > 0 && !job.cancelRequested && isWorthRetrying(event.error.code)) {
    const notBefore = new Date(Date.parse(event.at) + retryDelayMs(job.handOuts)).toISOString();
    return { ...job, state: 'queued', lease: null, retries: job.retries - 1, notBefore };
  }
  const state = event.error === null ? 'succeeded' : event.error.code === 'cancelled' ? 'cancelled' : 'failed';
  return { ...end(job, state, event.at, event.error), results: event.results };
}

/** What may be gone in a while: networks, servers, stores and devices come back. A wrong disk or a bad image does not get better. */
const worthRetrying: readonly ErrorCode[] = [
  ...(['server-unreachable', 'server-error', 'store-io', 'database-unavailable', 'too-many-requests'] as const),
  ...(['source-vanished', 'target-vanished', 'target-busy', 'mount-failed'] as const),
];

function isWorthRetrying(code: string): boolean {
  return worthRetrying.some((known) => known === code);
}

const firstRetryMs = 30_000;
/** The longest that a job is put off. */
export const maxRetryMs = 15 * 60_000;

function retryDelayMs(handOuts: number): number {
  return Math.min(maxRetryMs, firstRetryMs * 2 ** Math.max(0, handOuts - 1));
}

function end(job: JobLife, state: JobState, at: string, error: JobError | null): JobLife {
  return { ...job, state, held: null, endedAt: at, error };
}

export function isEnded(state: JobState): boolean {
  return state !== 'queued' && state !== 'running';
}

function requireUnfinished(job: JobLife): void {
  if (isEnded(job.state)) throw stateError(job);
}

/** One hold at a time: whoever lets a paused job go on does not agree to it for somebody else. */
function requireHold({ held }: JobLife, allowed: readonly (JobHold | null)[]): void {
  if (allowed.includes(held)) return;
  throw new DeployError('job-state', held === null ? 'the job is not held' : `the job is held: ${holdWords[held]}`);
}

/** What it waits for. */
export const holdWords: Record<JobHold, string> = {
  paused: 'paused by a person',
  'second-person': 'a second person must agree to it',
  window: 'outside of its maintenance window',
};

function requireLease(job: JobLife, leaseId: string): void {
  if (job.lease?.id !== leaseId)
    throw new DeployError('lease-lost', 'the job was handed out again under another lease');
}

function stateError(job: JobLife): DeployError {
  return new DeployError('job-state', `the job is ${job.state}`);
}

function tooManyHandOuts(): ErrorBody {
  return {
    code: 'lease-lost',
    message: `the machine's agent was lost ${maxHandOuts} times while it ran this job`,
    hint: 'Watch the machine on its screen or serial line while it runs the job again; memory and cables are the usual causes.',
  };
}
