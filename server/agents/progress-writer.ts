// Progress of a running job on its way into the database: renews the lease, and at most one write a second.
import type { AgentMessage } from '../../protocol/agent-messages.ts';
import type { Context } from '../context.ts';

type ProgressMessage = Extract<AgentMessage, { type: 'progress' }>;

const intervalMs = 1000;

export class ProgressWriter {
  readonly #context: Context;
  #writtenMs = -Infinity;
  #phase = '';

  constructor(context: Context) {
    this.#context = context;
  }

  /** A change of phase is always written; of the reports between, one a second. */
  async write({ jobId, leaseId, type: _, ...progress }: ProgressMessage): Promise<void> {
    const phase = `${progress.step} ${progress.phase}`;
    const nowMs = performance.now();
    if (phase === this.#phase && nowMs - this.#writtenMs < intervalMs) return;
    this.#phase = phase;
    this.#writtenMs = nowMs;
    await this.#context.db
      .updateTable('jobs')
      .set({ progress: JSON.stringify(progress), leaseHeardAt: new Date().toISOString() })
      .where('id', '=', jobId)
      .where('leaseId', '=', leaseId)
      .where('state', '=', 'running')
      .execute();
  }
}
