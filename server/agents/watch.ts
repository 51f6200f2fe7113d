// The server's own clock: what must happen although no message arrives. Everything it needs to know is in the database.
import type { Context } from '../context.ts';
import { changeJob } from '../jobs/change-job.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { findRefused, hasLimits, readLimits, readQueue } from '../jobs/limits.ts';
import { ClockSteps } from './clock-steps.ts';
import { dispatchJob, noticeApproval } from './dispatch.ts';
import { renew } from './renew.ts';
import { announceServer } from './servers.ts';
import { SilentLeases } from './silent-leases.ts';
import { tellRunning } from './tell-running.ts';

const tickMs = 1000;
const renewEveryTicks = 15;

/** Returns a function that stops it and waits for the tick under way. */
export function watchAgents(context: Context): () => Promise<void> {
  let running: Promise<void> = Promise.resolve();
  let tick = 0;
  const watched = { silent: new SilentLeases(), clock: new ClockSteps() };
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    running = runTick(context, tick++, watched)
      .catch((thrown: Error) => context.log.error({ err: thrown }, 'the watch failed'))
      .finally(() => {
        busy = false;
      });
  }, tickMs);
  return () => {
    clearInterval(timer);
    return running;
  };
}

type Watched = { readonly silent: SilentLeases; readonly clock: ClockSteps };

async function runTick(context: Context, tick: number, { silent, clock }: Watched): Promise<void> {
  const stepMs = clock.read();
  if (stepMs !== 0) context.log.warn({ bySeconds: Math.round(stepMs / 1000) }, 'the clock was set');
  // Whose time is up by a clock that was set would be thought away until the next renewal.
  if (stepMs !== 0 || tick % renewEveryTicks === 0) {
    await renew(context, context.agents.list());
    await announceServer(context);
  }
  await lapseLeases(context, silent);
  await noticeChanges(context);
}

async function lapseLeases({ db, config, log, agents }: Context, silent: SilentLeases): Promise<void> {
  const running = await db
    .selectFrom('jobs')
    .select(['id', 'machineId', 'machineName', 'leaseHeardAt'])
    .where('state', '=', 'running')
    .execute();
  const lapsed = silent.find(running, config.leaseSeconds * 1000);
  const connected = new Set(agents.list().map((agent) => agent.activeJobId));
  for (const { id, machineId, machineName } of lapsed.filter((job) => !connected.has(job.id))) {
    const life = await changeJob(db, id, { kind: 'lapse', at: new Date().toISOString() });
    log.warn({ job: id, machine: machineId, name: machineName, state: life.state }, 'lease lapsed');
    await appendJobLog(db, id, 'warning', `nothing heard of the agent for ${config.leaseSeconds} s: job ${life.state}`);
  }
}

/** Approvals, new jobs and cancellations, which may have been asked for at another server. */
async function noticeChanges(context: Context): Promise<void> {
  const { db, agents } = context;
  const connected = agents.list();
  const pending = connected.filter((agent) => !agent.approved).map((agent) => agent.machineId);
  if (pending.length > 0) {
    const rows = await db
      .selectFrom('machines')
      .select('id')
      .where('id', 'in', pending)
      .where('state', '=', 'approved')
      .execute();
    for (const { id } of rows) await noticeApproval(context, id);
  }
  await tellRunning(context);
  for (const machineId of await listWaiting(context)) await dispatchJob(context, machineId);
}

/** Machines with a job that may be handed out now, the one whose job waits longest first. */
async function listWaiting({ db }: Context): Promise<string[]> {
  const limits = await readLimits(db);
  if (hasLimits(limits)) {
    const queue = await readQueue(db);
    const refused = findRefused(limits, queue);
    return queue.waiting.filter(({ id }) => !refused.has(id)).map(({ machineId }) => machineId);
  }
  const waiting = await db
    .selectFrom('jobs')
    .select('machineId')
    .where('state', '=', 'queued')
    .groupBy('machineId')
    .orderBy(({ fn }) => fn.min('id'))
    .execute();
  return waiting.map(({ machineId }) => machineId);
}
