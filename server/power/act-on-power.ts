// What a person, a job or a schedule does to a machine's power: refused while it would tear down a job, written down with what came of it.
import { DeployError } from '../../protocol/errors.ts';
import type { PowerAction, PowerAnswer, PowerRequest } from '../../protocol/power.ts';
import type { Context } from '../context.ts';
import type { MachineRow } from '../database/schema.ts';
import { changePower } from './change-power.ts';
import { openPowerDriver, readPower, recordPowerState } from './power-settings.ts';

/** A client that hears nothing for a minute asks again, which must not turn a machine off twice. */
const wholeMs = 52_000;

/** @throws DeployError power-unsupported without a driver; job-state while a job runs on it; and what changePower says. */
export async function actOnPower(
  context: Context,
  machine: MachineRow,
  action: PowerAction,
  { networkBoot, force = false, signal }: PowerRequest & { readonly signal: AbortSignal },
): Promise<PowerAnswer> {
  const { db, log } = context;
  const { settings } = await readPower(db, machine.id);
  const driver = await openPowerDriver(context, machine);
  if (driver === null) {
    throw new DeployError('power-unsupported', `${machine.name} has no power driver: it is booted by hand`, {
      hint: 'Give it one: deploy-os machine power set; docs/operations/power.md says which.',
    });
  }
  if (!force && (action === 'off' || action === 'cycle' || action === 'soft')) await requireNoJob(context, machine);
  const late = AbortSignal.timeout(wholeMs);
  const doing = `power ${action} of ${machine.name} (${settings.driver})`;
  try {
    const outcome = await changePower(driver, action, { networkBoot, signal: AbortSignal.any([signal, late]) });
    await recordPowerState(db, machine.id, outcome.state);
    const fields = { machine: machine.name, driver: settings.driver, action, ...outcome };
    log[action === 'status' ? 'debug' : 'info'](fields, 'power');
    return { driver: settings.driver, action, ...outcome };
  } catch (thrown) {
    if (signal.aborted) throw new DeployError('cancelled', `${doing}: stopped; ask for its status`, { cause: thrown });
    if (late.aborted) {
      throw new DeployError('power-failed', `${doing}: not done within ${wholeMs / 1000} s; ask for its status`, {
        cause: thrown,
      });
    }
    throw thrown instanceof DeployError ? thrown.during(doing) : thrown;
  }
}

async function requireNoJob({ db }: Context, machine: MachineRow): Promise<void> {
  const job = await db
    .selectFrom('jobs')
    .select(['id', 'scenarioName'])
    .where('machineId', '=', machine.id)
    .where('state', '=', 'running')
    .executeTakeFirst();
  if (job === undefined) return;
  throw new DeployError(
    'job-state',
    `job ${job.id} (${job.scenarioName}) runs on ${machine.name}: its disk may be half written`,
    {
      hint: 'Wait for its end or cancel it. With --force its power goes all the same, and the job begins again when it boots.',
    },
  );
}
