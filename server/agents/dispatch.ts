// Hands jobs to connected agents: the machine's running job again, or else the oldest that waits for it.
import { randomUUID } from 'node:crypto';
import type { ServerMessage } from '../../protocol/agent-messages.ts';
import type { Approval } from '../../protocol/approval.ts';
import type { EndAction, Step } from '../../protocol/scenario.ts';
import type { Context } from '../context.ts';
import type { JobRow, MachineRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import type { ApprovedCheck } from '../jobs/approve-disks.ts';
import { changeJob } from '../jobs/change-job.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { holdWords, type JobLife, type Lease } from '../jobs/lifecycle.ts';
import { findRefused, hasLimits, readLimits, readQueue } from '../jobs/limits.ts';
import { mayRun } from '../jobs/may-run.ts';
import { holdOutside, isOutside } from '../schedules/hold-outside.ts';
import { holdsAgreement } from '../second-person/decide.ts';
import type { ConnectedAgent } from './registry.ts';

type JobMessage = Extract<ServerMessage, { type: 'job' }>;

/** To be called whenever something may have become possible: a hello, an approval, a new job, a job's end. */
export async function dispatchJob(context: Context, machineId: string): Promise<void> {
  const agent = context.agents.get(machineId);
  if (agent === undefined || !agent.approved || agent.activeJobId !== null || agent.restUntilMs > performance.now())
    return;
  const job = await findNextJob(context, machineId);
  // Between the question and its answer another call may have found the same job.
  if (job === undefined || agent.activeJobId !== null) return;
  if (isOutside(job, Date.now())) {
    await holdOutside(context.db, Date.now());
    return dispatchJob(context, machineId);
  }
  if (!(await knowsSteps(context, agent, job))) return;
  agent.activeJobId = job.id;
  try {
    await handOut(context, agent, job);
  } catch (thrown) {
    agent.activeJobId = null;
    throw thrown;
  }
}

/** One that is held waits, and those after it do not wait for it. `running` sorts after `queued`, and comes first: a machine runs one job at a time. */
function findNextJob({ db }: Context, machineId: string): Promise<JobRow | undefined> {
  return db
    .selectFrom('jobs')
    .selectAll()
    .where('machineId', '=', machineId)
    .where(mayRun)
    .orderBy('state', 'desc')
    .orderBy('id')
    .executeTakeFirst();
}

/** An agent from before an upgrade of the server may not know every step: its machine has to boot anew. */
async function knowsSteps(context: Context, agent: ConnectedAgent, job: JobRow): Promise<boolean> {
  const steps: Step[] = JSON.parse(job.steps);
  const unknown = steps.find(({ kind }) => agent.steps?.includes(kind) === false);
  if (unknown === undefined) return true;
  const message = `not handed out: the machine runs an older agent, which has no step '${unknown.kind}'; it gets the job at its next boot`;
  await appendJobLog(context.db, job.id, 'warning', message);
  return false;
}

async function handOut(context: Context, agent: ConnectedAgent, job: JobRow): Promise<void> {
  if (!(await holdsAgreement(context.db, job))) {
    agent.activeJobId = null;
    const why = 'the disks are others than those that were agreed to: it waits for a second person again';
    await appendJobLog(context.db, job.id, 'warning', `not handed out: ${why}`);
    return dispatchJob(context, agent.machineId);
  }
  const lease = { id: randomUUID(), bootId: agent.bootId };
  const life = await context.agents.inTurn(() => takeOut(context, job, lease));
  if (life === null) {
    agent.activeJobId = null;
    return;
  }
  if (life.state !== 'running') {
    agent.activeJobId = null;
    const why = life.error?.message ?? (life.held === null ? life.state : holdWords[life.held]);
    await appendJobLog(context.db, job.id, 'warning', `not handed out: ${why}`);
    return dispatchJob(context, agent.machineId);
  }
  agent.paused = null;
  agent.send({
    type: 'job',
    jobId: job.id,
    leaseId: lease.id,
    machineId: agent.machineId,
    scenarioName: job.scenarioName,
    steps: JSON.parse(job.steps),
    end: job.endAction as EndAction,
    ...approvalOf(job, life.handOuts),
    ...scriptsOf(context, job),
  });
  const again = life.handOuts > 1 ? ` again (${life.handOuts})` : '';
  await appendJobLog(context.db, job.id, 'info', `handed to ${job.machineName}${again}`);
  context.log.info(
    { job: job.id, machine: agent.machineId, name: job.machineName, handOuts: life.handOuts },
    'job handed out',
  );
}

/**
 * Null when the machine's agent is connected to another server by now, or when a limit on how many jobs run at once is reached: what counts them
 * and what adds one is one transaction, whichever servers do so at the same time.
 */
async function takeOut({ db, serverId }: Context, job: JobRow, lease: Lease): Promise<JobLife | null> {
  const event = { kind: 'hand-out', lease, at: new Date().toISOString() } as const;
  const at = await db.selectFrom('machines').select('serverId').where('id', '=', job.machineId).executeTakeFirst();
  if (at?.serverId !== serverId) return null;
  if (job.state === 'running' || !hasLimits(await readLimits(db))) return changeJob(db, job.id, event);
  return transact(db, async (transaction) => {
    const refused = findRefused(await readLimits(transaction), await readQueue(transaction));
    return refused.has(job.id) ? null : changeJob(transaction, job.id, event);
  });
}

function approvalOf({ approval }: JobRow, handOuts: number): { approval?: Approval } {
  if (approval === null) return {};
  const { disks } = JSON.parse(approval) as ApprovedCheck;
  return { approval: { disks: [...disks], again: handOuts > 1 } };
}

/** What a script is told; nothing where the server lets none run. */
function scriptsOf({ config }: Context, { machineName, parameters }: JobRow): Pick<JobMessage, 'scripts'> {
  if (!config.allowScripts) return {};
  return { scripts: { machineName, parameters: parameters === null ? {} : JSON.parse(parameters) } };
}

/** Tells a connected agent its machine's new name, for the screen; one that is connected to another server hears it with its next hello. */
export function noticeName({ agents }: Context, { id, state, name }: MachineRow): void {
  agents.get(id)?.send({ type: 'state', state, machineName: name });
}

/** Tells a connected agent that its machine is approved now, and gives it what waits for it. */
export async function noticeApproval(context: Context, machineId: string): Promise<void> {
  const agent = context.agents.get(machineId);
  if (agent === undefined || agent.approved) return;
  agent.approved = true;
  agent.send({ type: 'state', state: 'approved' });
  await dispatchJob(context, machineId);
}
