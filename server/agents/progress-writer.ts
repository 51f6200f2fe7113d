// Progress of running jobs on its way into the database: of all agents of this server together, once a second, which renews their leases, too.
import type { FastifyBaseLogger } from 'fastify';
import type { AgentMessage } from '../../protocol/agent-messages.ts';
import type { Database } from '../database/schema.ts';
import { ThroughputKeeper } from './throughput-keeper.ts';

type ProgressMessage = Extract<AgentMessage, { type: 'progress' }>;
type Report = { readonly leaseId: string; readonly progress: string };

const everyMs = 1000;
/** A transaction is one wait for the disk; while it runs in SQLite nobody else is served. */
const rowsAtOnce = 200;

export class ProgressWriter {
  readonly #db: Database;
  readonly #log: FastifyBaseLogger;
  readonly #timer: NodeJS.Timeout;
  /** By job, the newest only. */
  readonly #waiting = new Map<string, Report>();
  readonly #throughput = new ThroughputKeeper();
  #writing: Promise<void> = Promise.resolve();

  constructor(db: Database, log: FastifyBaseLogger) {
    this.#db = db;
    this.#log = log;
    this.#timer = setInterval(() => {
      if (this.#waiting.size > 0) void this.flush();
    }, everyMs);
  }

  take({ jobId, leaseId, type: _, ...progress }: ProgressMessage): void {
    this.#waiting.set(jobId, { leaseId, progress: JSON.stringify(progress) });
    this.#throughput.take(jobId, progress.bytesPerSecond);
  }

  /** Returns when what was taken before, of all jobs or of one that ends, is in the database. */
  flush(jobId?: string): Promise<void> {
    const ids = jobId === undefined ? [...this.#waiting.keys()].sort() : [jobId];
    const reports = ids.flatMap((id) => {
      const report = this.#waiting.get(id);
      return report !== undefined && this.#waiting.delete(id) ? [{ id, ...report }] : [];
    });
    this.#writing = this.#writing.then(() => this.#write(reports)).then(() => this.#keepThroughput({ ended: jobId }));
    return this.#writing;
  }

  close(): Promise<void> {
    clearInterval(this.#timer);
    return this.flush().then(() => this.#keepThroughput({ all: true }));
  }

  /** It is for people to look at: a job does not fail for it. */
  async #keepThroughput(of: Parameters<ThroughputKeeper['save']>[1]): Promise<void> {
    await this.#throughput.save(this.#db, of).catch((err) => this.#log.error({ err }, 'throughput not recorded'));
  }

  /** What cannot be written is said again by its agent a second later. */
  async #write(reports: readonly (Report & { readonly id: string })[]): Promise<void> {
    const leaseHeardAt = new Date().toISOString();
    try {
      for (let from = 0; from < reports.length; from += rowsAtOnce) {
        await this.#db.transaction().execute(async (transaction) => {
          for (const { id, leaseId, progress } of reports.slice(from, from + rowsAtOnce)) {
            await transaction
              .updateTable('jobs')
              .set({ progress, leaseHeardAt })
              .where('id', '=', id)
              .where('leaseId', '=', leaseId)
              .where('state', '=', 'running')
              .execute();
          }
        });
      }
    } catch (err) {
      this.#log.error({ err }, 'progress not recorded');
    }
  }
}
