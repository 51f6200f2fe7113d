// Which job an agent runs, and so what it may read and write. The data path asks at each chunk: an answer of the database holds for a moment.
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { Step } from '../../protocol/scenario.ts';
import type { Database } from '../database/schema.ts';
import { useBootToken } from '../tokens/boot-tokens.ts';
import { hashToken } from '../tokens/operator-token.ts';
import { JobImages, KnownImages } from './job-images.ts';

/** So long after a job has ended at another server, its agent may still be served by this one; here it ends at once (`forget`). */
const holdsForMs = 2000;
const maxKept = 10_000;
/** One of which nothing was heard for so long: its job has ended elsewhere, or its agent will not mind that its images are looked up anew. */
const forgetAfterMs = 10 * 60_000;

/** Of the job that a boot of an approved machine holds. */
export type Lease = {
  readonly machineId: string;
  readonly jobId: string;
  readonly steps: readonly Step[];
  readonly images: JobImages;
};

/** @throws DeployError forbidden */
export type LeaseCheck = (lease: Lease) => void | Promise<void>;

type Kept = { readonly lease: Promise<Lease>; readonly askedMs: number; readonly untilMs: number };

export class Leases {
  readonly #db: Database;
  readonly #images: KnownImages;
  /** In the order in which they were asked for last. */
  readonly #kept = new Map<string, Kept>();
  readonly #now: () => number;

  /** `now`: milliseconds of a clock that nobody sets. */
  constructor(db: Database, store: ChunkStore, now: () => number = () => performance.now()) {
    this.#db = db;
    this.#images = new KnownImages(store);
    this.#now = now;
  }

  /** @throws DeployError unauthorized, machine-not-approved, forbidden when this boot runs no job */
  find(token: string, bootId: string): Promise<Lease> {
    const key = keyOf(token, bootId);
    const kept = this.#kept.get(key);
    const nowMs = this.#now();
    if (kept !== undefined && kept.untilMs > nowMs) return kept.lease;
    const lease = this.#read(token, bootId, kept?.lease);
    this.#kept.delete(key);
    this.#kept.set(key, { lease, askedMs: nowMs, untilMs: nowMs + holdsForMs });
    // What is refused is asked again each time: a job may begin at any moment.
    lease.catch(() => {
      if (this.#kept.get(key)?.lease === lease) this.#kept.delete(key);
    });
    this.#forgetOld(nowMs);
    return lease;
  }

  #forgetOld(nowMs: number): void {
    for (const [oldest, { askedMs }] of this.#kept) {
      if (this.#kept.size <= maxKept && nowMs - askedMs <= forgetAfterMs) break;
      this.#kept.delete(oldest);
    }
  }

  /** What is refused by an answer of the database that was kept is asked again: the machine may run another job by now. @throws as find, and what `check` throws */
  async require(token: string, bootId: string, check: LeaseCheck): Promise<void> {
    const lease = await this.find(token, bootId);
    try {
      await check(lease);
    } catch (thrown) {
      if (toDeployError(thrown).code !== 'forbidden') throw thrown;
      const kept = this.#kept.get(keyOf(token, bootId));
      if (kept !== undefined) this.#kept.set(keyOf(token, bootId), { ...kept, untilMs: 0 });
      const again = await this.find(token, bootId);
      if (again.jobId === lease.jobId) throw thrown;
      await check(again);
    }
  }

  /** The machine's job has ended, or another boot of it has begun. */
  async forget(machineId: string): Promise<void> {
    for (const [key, { lease }] of this.#kept) {
      const held = await lease.catch(() => null);
      if (held === null || held.machineId === machineId) this.#kept.delete(key);
    }
  }

  async #read(token: string, bootId: string, before: Promise<Lease> | undefined): Promise<Lease> {
    const { machineId } = await useBootToken(this.#db, token, bootId);
    const job = await readLeasedJob(this.#db, machineId, bootId);
    const old = await before?.catch(() => undefined);
    // What is known of the job's images stays known.
    if (old?.jobId === job.id && old.machineId === machineId) return old;
    const steps: Step[] = JSON.parse(job.steps);
    return { machineId, jobId: job.id, steps, images: new JobImages(this.#images, { machineId, steps }) };
  }
}

function keyOf(token: string, bootId: string): string {
  return `${hashToken(token)} ${bootId}`;
}

/** One whose lease lapsed counts until the job is handed out again: its agent may be on its way back. */
async function readLeasedJob(db: Database, machineId: string, bootId: string): Promise<{ id: string; steps: string }> {
  const row = await db
    .selectFrom('machines')
    .leftJoin('jobs', (join) =>
      join
        .onRef('jobs.machineId', '=', 'machines.id')
        .on('jobs.leaseBootId', '=', bootId)
        .on('jobs.state', 'in', ['running', 'queued']),
    )
    .select(['machines.state', 'jobs.id', 'jobs.steps'])
    .where('machines.id', '=', machineId)
    .executeTakeFirst();
  if (row?.state !== 'approved') throw new DeployError('machine-not-approved', 'this machine is not approved');
  if (row.id === null || row.steps === null) throw new DeployError('forbidden', 'this machine runs no job');
  return { id: row.id, steps: row.steps };
}
