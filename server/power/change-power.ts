// One action on a machine's power, and a look at what came of it: what was asked for counts only once it is seen (R28).
import { setTimeout as sleep } from 'node:timers/promises';
import { DeployError } from '../../protocol/errors.ts';
import type { PowerAction, PowerState } from '../../protocol/power.ts';
import type { PowerChange, PowerDriver } from './driver.ts';

/** Less than what a client waits for an answer on a connection where nothing moves. */
const powerLimits = { wholeMs: 45_000, pollMs: 2000, pauseMs: 5000 };

export type PowerOutcome = { readonly state: PowerState; readonly verified: boolean; readonly message: string };
type Options = {
  readonly networkBoot?: boolean | undefined;
  readonly signal: AbortSignal;
  readonly limits?: typeof powerLimits;
};

/**
 * @throws DeployError power-failed when the machine is not what was asked for in time, which is said with what it is; power-unsupported. A soft
 * shutdown that lasts longer is no error: it is answered as not verified.
 */
export async function changePower(driver: PowerDriver, action: PowerAction, options: Options): Promise<PowerOutcome> {
  const { signal, limits = powerLimits } = options;
  const before = await driver.read(signal);
  if (action === 'status') return { state: before, verified: before !== 'unknown', message: `it is ${words[before]}` };
  if (options.networkBoot === true && (action === 'on' || action === 'cycle')) await setNetworkBoot(driver, signal);
  if (action !== 'cycle') return await reach(driver, action, before, { signal, limits });
  const half = { signal, limits: { ...limits, wholeMs: limits.wholeMs / 2 } };
  const off = await reach(driver, 'off', before, half);
  // Nobody saw it go off: its supply is given the time to run dry.
  if (!off.verified) await sleep(limits.pauseMs, undefined, { signal });
  return await reach(driver, 'on', off.state, half);
}

const words: Record<PowerState, string> = { on: 'on', off: 'off', unknown: 'not to be seen from here' };

async function setNetworkBoot(driver: PowerDriver, signal: AbortSignal): Promise<void> {
  if (driver.bootFromNetwork === undefined) {
    throw new DeployError('power-unsupported', 'this power driver cannot choose what the machine boots from', {
      hint: 'Set the network first in the order of its firmware: without a job it goes on to its own disk within seconds.',
    });
  }
  await driver.bootFromNetwork(signal);
}

type Reach = Required<Pick<Options, 'signal' | 'limits'>>;

async function reach(
  driver: PowerDriver,
  change: PowerChange,
  before: PowerState,
  { signal, limits }: Reach,
): Promise<PowerOutcome> {
  const wanted: PowerState = change === 'on' ? 'on' : 'off';
  if (before === wanted) return { state: wanted, verified: true, message: `it was ${wanted} already` };
  const deadlineMs = performance.now() + limits.wholeMs;
  await driver.ask(change, signal);
  let state: PowerState = 'unknown';
  let seen: PowerState = before;
  do {
    state = await driver.read(signal);
    if (state === wanted) return { state, verified: true, message: `it is ${state}` };
    if (state !== 'unknown') seen = state;
    // A driver that never sees anything need not be asked for long.
    else if (seen === 'unknown') break;
    await sleep(limits.pollMs, undefined, { signal });
  } while (performance.now() < deadlineMs);
  if (seen === 'unknown')
    return { state, verified: false, message: 'it was asked for; this driver does not see what came of it' };
  const seconds = Math.round(limits.wholeMs / 1000);
  if (change === 'soft')
    return { state: seen, verified: false, message: `it was asked to shut down, and is ${seen} after ${seconds} s` };
  throw new DeployError('power-failed', `it was asked to be ${wanted}, and is ${words[state]} after ${seconds} s`, {
    hint: 'Ask for the status again in a moment; the log of the BMC may say more.',
  });
}
