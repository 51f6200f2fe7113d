// Jobs as the API shows them.
import { DeployError } from '../../protocol/errors.ts';
import type { Job, JobHold, JobState } from '../../protocol/rest.ts';
import type { Wait } from '../../protocol/waits.ts';
import type { Database, JobRow } from '../database/schema.ts';
import { machinesIn } from '../groups/members.ts';
import type { ApprovedCheck } from './approve-disks.ts';
import { describeWait, explainWaits } from './explain-waits.ts';

export type JobFilter = {
  readonly machineId?: string | undefined;
  readonly groupId?: string | undefined;
  readonly batch?: string | undefined;
  readonly state?: JobState | undefined;
  readonly held?: JobHold | undefined;
  readonly since?: string | undefined;
  /** The id of a job: only older ones. */
  readonly before?: string | undefined;
  readonly limit: number;
  /** Only of machines of these groups; null: of all. */
  readonly inGroups: readonly string[] | null;
};

/** The newest of those that fit, newest last. */
export async function listJobs(db: Database, filter: JobFilter): Promise<Job[]> {
  const { machineId, groupId, batch, state, held, since, before, limit, inGroups } = filter;
  let query = db.selectFrom('jobs').selectAll().orderBy('id', 'desc').limit(limit);
  if (machineId !== undefined) query = query.where('machineId', '=', machineId);
  if (groupId !== undefined) query = query.where('machineId', 'in', machinesIn(db, [groupId]));
  if (inGroups !== null) query = query.where('machineId', 'in', machinesIn(db, inGroups));
  if (batch !== undefined) query = query.where('batchId', '=', batch);
  if (state !== undefined) query = query.where('state', '=', state);
  // Only a job that has not ended is held, and those are few.
  if (held !== undefined) query = query.where('held', '=', held).where('state', 'in', ['queued', 'running']);
  if (since !== undefined) query = query.where('createdAt', '>=', since);
  if (before !== undefined) query = query.where('id', '<', before);
  return showJobs(db, (await query.execute()).toReversed());
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

function toJob(row: JobRow, wait: Wait | null): Job {
  return {
    id: row.id,
    scenarioId: row.scenarioId,
    scenarioName: row.scenarioName,
    machineId: row.machineId,
    machineName: row.machineName,
    state: row.state,
    cancelRequested: row.cancelRequested === 1,
    held: row.held,
    waitsFor: wait === null ? null : describeWait(wait),
    wait,
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
    scheduleId: row.scheduleId,
    notBefore: row.notBefore,
  };
}
