// A job's end as its agent reports it: what its checks found goes to the machine's history, and the rest stays with the job.
import type { Difference } from '../../protocol/disk-check.ts';
import type { JobResult } from '../../protocol/rest.ts';
import type { Database } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { recordCheck } from '../disk-checks/record-check.ts';
import { changeJob } from './change-job.ts';
import { isEnded, type JobEvent, type JobLife } from './lifecycle.ts';

type Done = Omit<Extract<JobEvent, { kind: 'done' }>, 'kind'>;

const maxWarnings = 1000;

/**
 * Both at once: whoever sees that the job has ended finds its check. Differences are returned as well; those that are warnings are warnings of their step.
 * @throws DeployError as changeJob
 */
export async function finishJob(
  db: Database,
  machineId: string,
  jobId: string,
  done: Done,
): Promise<{ life: JobLife; differences: Difference[] }> {
  return transact(db, async (transaction) => {
    const told: Difference[] = [];
    const results: JobResult[] = [];
    for (const [step, result] of done.results.entries()) {
      const { disks, ...rest } = result;
      const found = disks === undefined ? [] : await recordCheck(transaction, machineId, { jobId, step, disks });
      const differences = found.filter(({ level }) => level === 'warning');
      const warnings = [...rest.warnings, ...differences.map(({ message }) => message)].slice(0, maxWarnings);
      told.push(...found);
      results.push({ ...rest, warnings, ...(differences.length === 0 ? {} : { differences }) });
    }
    // Last, because it refuses a lease that is lost: then nothing of the above has happened.
    const life = await changeJob(transaction, jobId, { kind: 'done', ...done, results });
    // It is tried again from its first step, and its checks are kept when it has ended.
    if (!isEnded(life.state)) await forgetChecks(transaction, jobId);
    return { life, differences: told };
  });
}

async function forgetChecks(db: Database, jobId: string): Promise<void> {
  await db.deleteFrom('diskChecks').where('jobId', '=', jobId).execute();
}
