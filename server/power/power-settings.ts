// The power driver of a machine: kept with its password sealed, shown without, and opened for use.
import { isDeepStrictEqual } from 'node:util';
import type { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import {
  type Power,
  type PowerSettings,
  type PowerState,
  type powerBodySchema,
  powerSettingsSchema,
} from '../../protocol/power.ts';
import type { Context } from '../context.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import type { PowerDriver } from './driver.ts';
import { findHook, openHook } from './hook-driver.ts';
import { openIpmi } from './ipmi-driver.ts';
import { readPowerMachine } from './power-machine.ts';
import { openRedfish } from './redfish/redfish-driver.ts';
import { openSecret, sealSecret } from './secrets.ts';
import { openWakeOnLan } from './wake.ts';

type Stored = {
  readonly settings: PowerSettings;
  readonly secret: string | null;
  state: PowerState;
  stateAt: string | null;
};

export async function readPower(db: Database, machineId: string): Promise<Power> {
  const { secret, ...shown } = await readStored(db, machineId);
  return { ...shown, hasPassword: secret !== null };
}

/** @throws DeployError invalid-input when a password is missing; power-unsupported for a hook that is not there */
export async function savePower(
  { db, secretKey, config }: Context,
  machineId: string,
  { ...body }: z.infer<typeof powerBodySchema>,
): Promise<Power> {
  const given = 'password' in body ? body.password : undefined;
  if ('password' in body) delete body.password;
  const settings = powerSettingsSchema.parse(body);
  if (settings.driver === 'hook') await findHook(config.hooksDir, settings.program);
  const before = await readStored(db, machineId);
  // A password goes only where it was meant to: whoever changes the address has to know it.
  const kept = isDeepStrictEqual(placeOf(before.settings), placeOf(settings)) ? before.secret : null;
  const about = aboutOf(machineId, settings);
  const password = given ?? (kept === null ? null : openSecret(secretKey, kept, aboutOf(machineId, before.settings)));
  if (password === null && (settings.driver === 'redfish' || settings.driver === 'ipmi')) {
    throw new DeployError('invalid-input', `the driver ${settings.driver} needs the password of ${settings.user}`, {
      hint: 'One that is kept is used again only while driver, address, user and certificate stay the same.',
    });
  }
  const row = {
    settings: JSON.stringify(settings),
    secret: password === null ? null : sealSecret(secretKey, password, about),
    state: 'unknown' as const,
    stateAt: null,
  };
  await db
    .insertInto('machinePower')
    .values({ machineId, ...row })
    .onConflict((conflict) => conflict.column('machineId').doUpdateSet(row))
    .execute();
  return readPower(db, machineId);
}

export async function recordPowerState(db: Database, machineId: string, state: PowerState): Promise<void> {
  const stateAt = new Date().toISOString();
  await db.updateTable('machinePower').set({ state, stateAt }).where('machineId', '=', machineId).execute();
}

/** Null where it has none: it is booted by hand. @throws DeployError power-failed when its password cannot be opened */
export async function openPowerDriver(context: Context, row: MachineRow): Promise<PowerDriver | null> {
  const { settings, password } = await readForUse(context, row.id);
  switch (settings.driver) {
    case 'none':
      return null;
    case 'wake-on-lan':
      return openWakeOnLan(context, { settings, machine: await readPowerMachine(context.db, row), password });
    case 'redfish':
      return openRedfish(settings, password ?? '', context.outgoing);
    case 'ipmi':
      return openIpmi(settings, await readPowerMachine(context.db, row), {
        addresses: context.outgoing,
        password: password ?? '',
      });
    case 'hook':
      return openHook(settings, await readPowerMachine(context.db, row), context.config.hooksDir);
  }
}

export async function readForUse(
  { db, secretKey }: Pick<Context, 'db' | 'secretKey'>,
  machineId: string,
): Promise<{ settings: PowerSettings; password: string | null }> {
  const { settings, secret } = await readStored(db, machineId);
  return { settings, password: secret === null ? null : openSecret(secretKey, secret, aboutOf(machineId, settings)) };
}

async function readStored(db: Database, machineId: string): Promise<Stored> {
  const row = await db.selectFrom('machinePower').selectAll().where('machineId', '=', machineId).executeTakeFirst();
  if (row === undefined) return { settings: { driver: 'none' }, secret: null, state: 'unknown', stateAt: null };
  const { settings, secret, state, stateAt } = row;
  return { settings: powerSettingsSchema.parse(JSON.parse(settings)), secret, state, stateAt };
}

/** Who is sent the password, and how they are known. */
function placeOf(settings: PowerSettings): unknown[] {
  switch (settings.driver) {
    case 'redfish':
      return [settings.driver, settings.url, settings.user, settings.certificate, settings.ca];
    case 'ipmi':
      return [settings.driver, settings.host, settings.port, settings.user];
    default:
      return [settings.driver];
  }
}

/** The seal is of the address too: a row that somebody changed in the database opens nothing. */
function aboutOf(machineId: string, settings: PowerSettings): string {
  return JSON.stringify([machineId, placeOf(settings)]);
}
