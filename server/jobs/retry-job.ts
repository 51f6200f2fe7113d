// A job that failed or was cancelled is asked for again: the same steps, with the same disks approved, in a job of their own.
import { DeployError } from '../../protocol/errors.ts';
import type { Job } from '../../protocol/rest.ts';
import type { EndAction } from '../../protocol/scenario.ts';
import type { Context } from '../context.ts';
import { findMachine } from '../machines/read-machines.ts';
import { checkScriptsAllowed } from '../scenarios/check-scripts.ts';
import { checkImages } from './check-images.ts';
import { appendJobLog } from './job-log.ts';
import { requestJob } from './request-job.ts';

/** @throws DeployError job-not-found, job-state, machine-not-found, scripts-off, image-not-found, image-exists, image-damaged */
export async function retryJob(
  context: Context,
  jobId: string,
  { requestedBy, useDamaged }: { readonly requestedBy: string | null; readonly useDamaged?: boolean | undefined },
): Promise<Job> {
  const { db } = context;
  const row = await db.selectFrom('jobs').selectAll().where('id', '=', jobId).executeTakeFirst();
  if (row === undefined) throw new DeployError('job-not-found', `no job ${jobId}`);
  if (row.state !== 'failed' && row.state !== 'cancelled') {
    throw new DeployError('job-state', `the job is ${row.state}: only one that failed or was cancelled is tried again`);
  }
  const machine = await findMachine(db, row.machineId);
  const steps = JSON.parse(row.steps);
  checkScriptsAllowed(context.config, steps);
  await checkImages(context, steps, useDamaged);
  const job = await requestJob(db, {
    scenario: {
      ...{ id: row.scenarioId, name: row.scenarioName, steps, end: row.endAction as EndAction },
      values: row.parameters === null ? {} : JSON.parse(row.parameters),
    },
    machine,
    approval: row.approval === null ? null : JSON.parse(row.approval),
    retryOf: row.id,
    requestedBy,
  });
  await appendJobLog(db, job.id, 'info', `job ${row.id} again`);
  await appendJobLog(db, row.id, 'info', `asked for again as job ${job.id}`);
  return job;
}
