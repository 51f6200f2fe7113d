// Jobs as the API shows them.
import { DeployError } from '../../protocol/errors.ts';
import type { Job, JobState } from '../../protocol/rest.ts';
import type { Database, JobRow } from '../database/schema.ts';
import type { ApprovedCheck } from './approve-disks.ts';

/** Newest last. */
export async function listJobs(
  db: Database,
  filter: { machineId?: string | undefined; state?: JobState | undefined },
): Promise<Job[]> {
  let query = db.selectFrom('jobs').selectAll().orderBy('id');
  if (filter.machineId !== undefined) query = query.where('machineId', '=', filter.machineId);
  if (filter.state !== undefined) query = query.where('state', '=', filter.state);
  return (await query.execute()).map(toJob);
}

/** @throws DeployError job-not-found */
export async function readJob(db: Database, jobId: string): Promise<Job> {
  const row = await db.selectFrom('jobs').selectAll().where('id', '=', jobId).executeTakeFirst();
  if (row === undefined) throw new DeployError('job-not-found', `no job ${jobId}`);
  return toJob(row);
}

export function toJob(row: JobRow): Job {
  return {
    id: row.id,
    scenarioId: row.scenarioId,
    scenarioName: row.scenarioName,
    machineId: row.machineId,
    machineName: row.machineName,
    state: row.state,
    cancelRequested: row.cancelRequested === 1,
    createdAt: row.createdAt,
    startedAt: row.startedAt,
    endedAt: row.endedAt,
    progress: row.progress === null ? null : JSON.parse(row.progress),
    results: JSON.parse(row.results),
    error: row.error === null ? null : JSON.parse(row.error),
    approvedCheckId: row.approval === null ? null : (JSON.parse(row.approval) as ApprovedCheck).checkId,
    parameters: row.parameters === null ? {} : JSON.parse(row.parameters),
  };
}
