// Fifth stage: the job that is running, from lease to outcome, and its reports on the way.
import { Pause } from '../../imaging/pause.ts';
import { openHttpStore } from '../../imaging/store/http-store.ts';
import type { AgentMessage } from '../../protocol/agent-messages.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { Servers } from '../4-register/servers.ts';
import { type AgentContext, agentHeaders } from '../context.ts';
import { StallWatch } from '../watch/stall-watch.ts';
import type { Meter } from './meter.ts';
import { type Job, type JobOutcome, runJob } from './run-job.ts';

type Surroundings = {
  readonly context: AgentContext;
  readonly servers: Servers;
  /** Called when a server is reached another way, or another server: see https-client.ts. */
  readonly moveListeners: Set<() => void>;
  /** False when there is no connection; a progress message that is lost is replaced by the next. */
  readonly send: (message: AgentMessage) => boolean;
};

export class ActiveJob {
  readonly job: Job;
  /** May be renewed by the server while the job runs. */
  lease: { readonly jobId: string; readonly leaseId: string };
  /** True when the job is no longer this agent's: nothing is reported any more. */
  abandoned = false;
  readonly #surroundings: Surroundings;
  readonly #stop = new AbortController();
  readonly #pause = new Pause();
  readonly #stall: StallWatch;
  #step = 0;
  #meter: Meter | undefined;

  constructor(job: Job, surroundings: Surroundings) {
    this.job = job;
    this.lease = { jobId: job.jobId, leaseId: job.leaseId };
    this.#surroundings = surroundings;
    this.#stall = new StallWatch((level, message) => surroundings.context.status.log(level, message));
  }

  cancel(): void {
    this.#stop.abort(new DeployError('cancelled', 'cancelled by the server'));
  }

  /** Stands still between two chunks, or goes on from there. True when that is news. */
  setPaused(paused: boolean): boolean {
    if (paused === this.#pause.paused) return false;
    if (paused) this.#pause.pause();
    else this.#pause.resume();
    this.#report();
    return true;
  }

  abandon(): void {
    this.abandoned = true;
    this.cancel();
  }

  async run(): Promise<JobOutcome> {
    const { context, servers, moveListeners } = this.#surroundings;
    const store = await openHttpStore({
      url: servers.url,
      currentUrl: () => servers.url,
      ca: servers.ca,
      headers: agentHeaders(context),
      retryForMs: context.outageMs,
      maxSockets: Math.max(2, Math.min(8, 2 * context.workers)),
      onOutage: (message) => context.status.log('warning', message),
      moveListeners,
    });
    const timer = setInterval(() => this.#report(), context.progressMs);
    try {
      return await runJob(this.job, {
        context,
        store,
        signal: this.#stop.signal,
        pause: this.#pause,
        listener: {
          onPhase: (step, meter) => {
            this.#step = step;
            this.#meter = meter;
            this.#report();
          },
          log: (level, message) => context.status.log(level, message),
        },
      });
    } finally {
      clearInterval(timer);
      await store.close();
    }
  }

  #report(): void {
    const figures = this.#meter?.read();
    if (figures === undefined || this.abandoned) return;
    const { context, send } = this.#surroundings;
    const { paused } = this.#pause;
    const shown = paused ? { ...figures, phase: 'paused' } : figures;
    context.status.setJob({ title: this.job.scenarioName, step: this.#step, steps: this.job.steps.length, ...shown });
    send({ type: 'progress', ...this.lease, step: this.#step, ...figures });
    if (!paused) void this.#stall.look({ step: this.#step, ...figures });
  }
}
