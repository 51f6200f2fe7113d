// After a job that ends with the machine powered off: looks whether it is, by its power driver, and says so in the job's log (R28).
import { setTimeout as sleep } from 'node:timers/promises';
import { toDeployError } from '../../protocol/errors.ts';
import type { PowerState } from '../../protocol/power.ts';
import type { Context } from '../context.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { findMachine } from '../machines/read-machines.ts';
import type { PowerDriver } from './driver.ts';
import { openPowerDriver, readPower, recordPowerState } from './power-settings.ts';

/** The agent waits for the server's word, unmounts, and the firmware takes a moment. */
const seeLimits = { wholeMs: 120_000, pollMs: 5000 };

type EndedJob = { readonly id: string; readonly machineId: string };

/** Never throws. */
export async function watchUntilOff(context: Context, job: EndedJob, signal: AbortSignal): Promise<void> {
  try {
    await sayWhetherOff(context, job, signal);
  } catch (thrown) {
    if (!signal.aborted) context.log.warn({ err: thrown, job: job.id }, 'power not looked at');
  }
}

async function sayWhetherOff(context: Context, { id, machineId }: EndedJob, signal: AbortSignal): Promise<void> {
  const { db, log } = context;
  const machine = await findMachine(db, machineId);
  const { settings } = await readPower(db, machineId);
  // Magic packets show nothing, and who boots by hand looks by himself.
  if (settings.driver === 'none' || settings.driver === 'wake-on-lan') return;
  const driver = await openPowerDriver(context, machine);
  if (driver === null) return;
  const { state, reason } = await seeOff(driver, signal);
  await recordPowerState(db, machineId, state);
  const seen = `${machine.name} ${state === 'off' ? 'is off' : `was told to power off, and ${reason}`} (${settings.driver})`;
  log.info({ job: id, machine: machine.name, state }, 'power after a job');
  await appendJobLog(db, id, state === 'off' ? 'info' : 'warning', seen);
}

/** Reads until the machine is off or the time is over. Errors of the driver are its reason; only `signal` throws. */
export async function seeOff(
  driver: PowerDriver,
  signal: AbortSignal,
  limits = seeLimits,
): Promise<{ state: PowerState; reason: string }> {
  const deadlineMs = performance.now() + limits.wholeMs;
  for (;;) {
    let reason: string;
    let state: PowerState = 'unknown';
    try {
      state = await driver.read(signal);
      reason = state === 'unknown' ? 'nobody sees what it is' : `is ${state} after ${limits.wholeMs / 1000} s`;
    } catch (thrown) {
      signal.throwIfAborted();
      reason = `nobody sees what it is: ${toDeployError(thrown).message}`;
    }
    if (state === 'off' || performance.now() > deadlineMs) return { state, reason };
    await sleep(limits.pollMs, undefined, { signal });
  }
}
