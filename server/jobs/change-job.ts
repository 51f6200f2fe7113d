// The one way in which a job changes its state: read, decide (lifecycle.ts), write if nobody else did meanwhile.
import { DeployError } from '../../protocol/errors.ts';
import type { Database, JobRow } from '../database/schema.ts';
import { type JobEvent, type JobLife, nextJobLife } from './lifecycle.ts';

/** @throws DeployError job-not-found, and what nextJobLife says. */
export async function changeJob(db: Database, jobId: string, event: JobEvent): Promise<JobLife> {
  for (;;) {
    const row = await db.selectFrom('jobs').selectAll().where('id', '=', jobId).executeTakeFirst();
    if (row === undefined) throw new DeployError('job-not-found', `no job ${jobId}`);
    const next = nextJobLife(toLife(row), event);
    const { numUpdatedRows } = await db
      .updateTable('jobs')
      .set({ ...toColumns(next), ...(next.state === 'running' ? { leaseHeardAt: new Date().toISOString() } : {}) })
      .set({ revision: row.revision + 1 })
      .where('id', '=', jobId)
      .where('revision', '=', row.revision)
      .executeTakeFirst();
    if (numUpdatedRows === 1n) return next;
  }
}

function toLife(row: JobRow): JobLife {
  return {
    state: row.state,
    cancelRequested: row.cancelRequested === 1,
    held: row.held,
    lease: row.leaseId === null || row.leaseBootId === null ? null : { id: row.leaseId, bootId: row.leaseBootId },
    retries: row.retries,
    notBefore: row.notBefore,
    handOuts: row.handOuts,
    startedAt: row.startedAt,
    endedAt: row.endedAt,
    results: JSON.parse(row.results),
    error: row.error === null ? null : JSON.parse(row.error),
  };
}

/** A job's life as columns; for a new job as for a changed one. */
export function toColumns(life: JobLife) {
  return {
    state: life.state,
    cancelRequested: life.cancelRequested ? 1 : 0,
    held: life.held,
    leaseId: life.lease?.id ?? null,
    leaseBootId: life.lease?.bootId ?? null,
    retries: life.retries,
    notBefore: life.notBefore,
    handOuts: life.handOuts,
    startedAt: life.startedAt,
    endedAt: life.endedAt,
    results: JSON.stringify(life.results),
    error: life.error === null ? null : JSON.stringify(life.error),
  };
}
