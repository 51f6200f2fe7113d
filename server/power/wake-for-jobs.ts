// Jobs that want their machine turned on: tried a few times while the machine is not there; what came of it stands in the job's log.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { Context } from '../context.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { isDue } from '../jobs/may-run.ts';
import { findMachine } from '../machines/read-machines.ts';
import { actOnPower } from './act-on-power.ts';
import { readPower } from './power-settings.ts';

const tries = 3;
/** Firmware, memory tests and a boot over the network take their time. */
const againMs = 10 * 60_000;

type WakingJob = { readonly id: string; readonly machineId: string };

/** Those whose turn it is, each of one server only; called once a second. */
export async function claimWakes({ db, config }: Pick<Context, 'db' | 'config'>, nowMs: number): Promise<WakingJob[]> {
  const [now, latest] = [0, againMs].map((ms) => new Date(nowMs + ms).toISOString()) as [string, string];
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'machineId', 'wakeAt', 'wakeTries'])
    .where('state', '=', 'queued')
    // Further ahead lies only what a clock has written that was set back since.
    .where((where) => where.or([where('wakeAt', '<=', now), where('wakeAt', '>', latest)]))
    .where(isDue)
    .orderBy('id')
    .limit(config.turnOnPerSecond)
    .execute();
  const claimed: WakingJob[] = [];
  for (const { id, machineId, wakeAt, wakeTries } of rows) {
    const next = wakeTries + 1 < tries ? new Date(nowMs + againMs).toISOString() : null;
    const { numUpdatedRows } = await db
      .updateTable('jobs')
      .set({ wakeAt: next, wakeTries: wakeTries + 1 })
      .where('id', '=', id)
      .where('wakeAt', '=', wakeAt)
      .executeTakeFirst();
    if (numUpdatedRows === 1n) claimed.push({ id, machineId });
  }
  return claimed;
}

/** Never throws: a job waits for its machine whatever comes of this. */
export async function wakeForJob(context: Context, { id, machineId }: WakingJob, signal: AbortSignal): Promise<void> {
  const { db, log } = context;
  try {
    const machine = await findMachine(db, machineId);
    if ((machine.onlineUntil ?? '') > new Date().toISOString()) return;
    const { settings } = await readPower(db, machineId);
    if (settings.driver === 'none') {
      await appendJobLog(db, id, 'info', `${machine.name} has no power driver: boot it by hand`);
      await db.updateTable('jobs').set({ wakeAt: null }).where('id', '=', id).execute();
      return;
    }
    const { state, message } = await turnOn();
    await appendJobLog(db, id, 'info', `turning on ${machine.name} (${settings.driver}): ${message}`);
    if (state === 'on' && /already/.test(message)) {
      await appendJobLog(db, id, 'warning', `${machine.name} is on and not connected: it runs a system of its own`);
    }

    async function turnOn() {
      const networkBoot = settings.driver === 'redfish' || settings.driver === 'ipmi';
      try {
        return await actOnPower(context, machine, 'on', { networkBoot, signal });
      } catch (thrown) {
        if (!networkBoot || !(thrown instanceof DeployError) || thrown.code !== 'power-unsupported') throw thrown;
        return await actOnPower(context, machine, 'on', { signal });
      }
    }
  } catch (thrown) {
    const { code, message } = toDeployError(thrown);
    log.warn({ job: id, code, reason: message }, 'machine not turned on');
    await appendJobLog(db, id, 'warning', `${message} (${code})`).catch(() => {});
  }
}
