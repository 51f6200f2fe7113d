// What is kept of a job, in one piece: what was to be done, with which disks, what was done, and what was said meanwhile.
import type { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import type { jobReportSchema } from '../../protocol/rest.ts';
import type { Database } from '../database/schema.ts';
import type { ApprovedCheck } from './approve-disks.ts';
import { readJobLog } from './job-log.ts';
import { showJobs } from './read-jobs.ts';
import { readThroughput } from './read-throughput.ts';

/** @throws DeployError job-not-found */
export async function readReport(db: Database, jobId: string): Promise<z.input<typeof jobReportSchema>> {
  const row = await db.selectFrom('jobs').selectAll().where('id', '=', jobId).executeTakeFirst();
  const [job] = row === undefined ? [] : await showJobs(db, [row]);
  if (row === undefined || job === undefined) throw new DeployError('job-not-found', `no job ${jobId}`);
  const approval = row.approval === null ? null : (JSON.parse(row.approval) as ApprovedCheck);
  return {
    ...job,
    steps: JSON.parse(row.steps),
    end: row.endAction as z.input<typeof jobReportSchema>['end'],
    handOuts: row.handOuts,
    approvedDisks: approval === null ? null : [...approval.disks],
    log: await readJobLog(db, jobId),
    throughput: await readThroughput(db, jobId),
  };
}
