// Jobs as the API shows them.
import { DeployError } from '../../protocol/errors.ts';
import type { Job, JobHold, JobState } from '../../protocol/rest.ts';
import type { Database, JobRow } from '../database/schema.ts';
import type { ApprovedCheck } from './approve-disks.ts';
import { explainWaits } from './explain-waits.ts';

/** Newest last. */
export async function listJobs(
  db: Database,
  filter: { machineId?: string | undefined; state?: JobState | undefined; held?: JobHold | undefined },
): Promise<Job[]> {
  let query = db.selectFrom('jobs').selectAll().orderBy('id');
  if (filter.machineId !== undefined) query = query.where('machineId', '=', filter.machineId);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  if (filter.held !== undefined) query = query.where('held', '=', filter.held);
  return showJobs(db, await query.execute());
}

/** @throws DeployError job-not-found */
export async function readJob(db: Database, jobId: string): Promise<Job> {
  const row = await db.selectFrom('jobs').selectAll().where('id', '=', jobId).executeTakeFirst();
  if (row === undefined) throw new DeployError('job-not-found', `no job ${jobId}`);
  const [job] = await showJobs(db, [row]);
  return job as Job;
}

export async function showJobs(db: Database, rows: readonly JobRow[]): Promise<Job[]> {
  const waits = await explainWaits(db, rows);
  return rows.map((row) => toJob(row, waits.get(row.id) ?? null));
}

function toJob(row: JobRow, waitsFor: string | null): Job {
  return {
    id: row.id,
    scenarioId: row.scenarioId,
    scenarioName: row.scenarioName,
    machineId: row.machineId,
    machineName: row.machineName,
    state: row.state,
    cancelRequested: row.cancelRequested === 1,
    held: row.held,
    waitsFor,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    endedAt: row.endedAt,
    progress: row.progress === null ? null : JSON.parse(row.progress),
    results: JSON.parse(row.results),
    error: row.error === null ? null : JSON.parse(row.error),
    approvedCheckId: row.approval === null ? null : (JSON.parse(row.approval) as ApprovedCheck).checkId,
    agreement: row.agreement === null ? null : JSON.parse(row.agreement),
    parameters: row.parameters === null ? {} : JSON.parse(row.parameters),
    requestedBy: row.requestedBy,
    batchId: row.batchId,
    retryOf: row.retryOf,
    retries: row.retries,
    notBefore: row.notBefore,
  };
}
