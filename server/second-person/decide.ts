// A job that somebody asked for and somebody else agrees to, or not. What is agreed to is what it does to the disks that the newest check found.
import { isDeepStrictEqual } from 'node:util';
import { DeployError } from '../../protocol/errors.ts';
import type { Agreement } from '../../protocol/second-person.ts';
import type { Caller } from '../callers.ts';
import type { Database, JobRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { type ApprovedCheck, approveDisks } from '../jobs/approve-disks.ts';
import { changeJob } from '../jobs/change-job.ts';
import { findMachine } from '../machines/read-machines.ts';

type Decider = { readonly id: string; readonly name: string };

/** Of a job that is to begin, which `name` asked for: a user, the operator token, a schedule; null: nobody that is known. */
export async function beginAgreement(db: Database, name: string | null): Promise<Agreement> {
  const user = await db
    .selectFrom('users')
    .select('id')
    .where('name', '=', name ?? '')
    .executeTakeFirst();
  return {
    requestedById: user?.id ?? null,
    decision: null,
    decidedById: null,
    decidedBy: null,
    decidedAt: null,
    reason: null,
  };
}

/** @throws DeployError forbidden for whoever asked for it, and for nobody; job-state; target-changed, check-not-found */
export async function agreeToJob(db: Database, jobId: string, caller: Caller, checkId: string): Promise<void> {
  await transact(db, async (transaction) => {
    const { job, agreement } = await readWaiting(transaction, jobId);
    const decider = requireOtherPerson(caller, agreement);
    const machine = await findMachine(transaction, job.machineId);
    const newest = await approveDisks(transaction, machine, checkId);
    if (job.approval !== null && !sameDisks(JSON.parse(job.approval), newest)) {
      throw new DeployError(
        'target-changed',
        `the disks of ${job.machineName} are others than when the job was asked for`,
        {
          hint: 'Reject the job, look at `deploy-os machine disks`, and ask for it again.',
        },
      );
    }
    await changeJob(transaction, jobId, { kind: 'release', reason: 'second-person' });
    await write(transaction, jobId, { ...agreement, ...decided('approved', decider, null) }, newest);
  });
}

/** It ends. Whoever asked for it may do that, too. @throws DeployError job-state, forbidden for nobody */
export async function rejectJob(db: Database, jobId: string, caller: Caller, reason: string): Promise<void> {
  await transact(db, async (transaction) => {
    const { agreement } = await readWaiting(transaction, jobId);
    const decider = personOf(caller);
    await write(transaction, jobId, { ...agreement, ...decided('rejected', decider, reason) });
    const error = { code: 'job-rejected', message: `${decider.name} rejected it: ${reason}` };
    await changeJob(transaction, jobId, { kind: 'reject', error, at: new Date().toISOString() });
  });
}

/**
 * Before the job is handed out the first time: was it these disks that somebody agreed to? Else it waits for that again.
 * False when it does.
 */
export async function holdsAgreement(db: Database, { id, handOuts }: JobRow): Promise<boolean> {
  if (handOuts > 0) return true;
  return transact(db, async (transaction) => {
    const job = await transaction.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
    if (job === undefined || job.agreement === null || job.approval === null || job.state !== 'queued') return true;
    const approved: ApprovedCheck = JSON.parse(job.approval);
    if (sameDisks(approved, await readNewest(transaction, job.machineId))) return true;
    await changeJob(transaction, id, { kind: 'hold', reason: 'second-person' });
    const agreement = { ...(JSON.parse(job.agreement) as Agreement), ...undecided };
    await transaction
      .updateTable('jobs')
      .set({ agreement: JSON.stringify(agreement), approval: null })
      .where('id', '=', id)
      .execute();
    return false;
  });
}

async function readNewest(db: Database, machineId: string): Promise<ApprovedCheck | null> {
  return approveDisks(db, await findMachine(db, machineId), 'latest').catch((thrown: unknown) => {
    const known =
      thrown instanceof DeployError && (thrown.code === 'target-changed' || thrown.code === 'check-not-found');
    if (known) return null;
    throw thrown;
  });
}

async function readWaiting(db: Database, jobId: string): Promise<{ job: JobRow; agreement: Agreement }> {
  const job = await db.selectFrom('jobs').selectAll().where('id', '=', jobId).executeTakeFirst();
  if (job === undefined) throw new DeployError('job-not-found', `no job ${jobId}`);
  if (job.held === 'second-person' && job.agreement !== null) return { job, agreement: JSON.parse(job.agreement) };
  throw new DeployError('job-state', `job ${jobId} waits for nobody's agreement`);
}

/** Tokens speak for their user: it is the person that counts. */
function requireOtherPerson(caller: Caller, { requestedById }: Agreement): Decider {
  const decider = personOf(caller);
  if (decider.id !== requestedById) return decider;
  throw new DeployError('forbidden', `${decider.name} asked for this job: somebody else must agree to it`);
}

function personOf(caller: Caller): Decider {
  if (caller.kind === 'person' && caller.userId !== null) return { id: caller.userId, name: caller.name };
  throw new DeployError('forbidden', 'the operator token is nobody, and cannot agree to anything', {
    hint: 'Log in as a user: deploy-os login',
  });
}

/** Another check that found the same is as good. */
function sameDisks(one: ApprovedCheck, other: ApprovedCheck | null): boolean {
  const sorted = ({ disks }: ApprovedCheck) => disks.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return other !== null && isDeepStrictEqual(sorted(one), sorted(other));
}

const undecided = { decision: null, decidedById: null, decidedBy: null, decidedAt: null, reason: null } as const;

function decided(decision: 'approved' | 'rejected', { id, name }: Decider, reason: string | null) {
  return { decision, decidedById: id, decidedBy: name, decidedAt: new Date().toISOString(), reason };
}

async function write(db: Database, jobId: string, agreement: Agreement, approval?: ApprovedCheck): Promise<void> {
  await db
    .updateTable('jobs')
    .set({ agreement: JSON.stringify(agreement) })
    .set(approval === undefined ? {} : { approval: JSON.stringify(approval) })
    .where('id', '=', jobId)
    .execute();
}
