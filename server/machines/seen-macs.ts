// The MAC addresses that a machine has been seen with: at its boot loader, or by its agent.
import type { Database } from '../database/schema.ts';
import { normalizeMac } from './identity.ts';

/** Of one machine; anybody may ask for boot scripts with made-up ones. */
const maxKept = 64;

export async function noteMacs(db: Database, machineId: string, macs: readonly string[]): Promise<void> {
  const good = [...new Set(macs.flatMap((mac) => normalizeMac(mac) ?? []))].slice(0, maxKept);
  if (good.length === 0) return;
  const seenAt = new Date().toISOString();
  await db
    .insertInto('machineMacs')
    .values(good.map((mac) => ({ machineId, mac, seenAt })))
    .onConflict((conflict) => conflict.columns(['machineId', 'mac']).doUpdateSet({ seenAt }))
    .execute();
  const old = await db
    .selectFrom('machineMacs')
    .select('mac')
    .where('machineId', '=', machineId)
    .orderBy('seenAt', 'desc')
    .orderBy('mac')
    .limit(1000)
    .offset(maxKept)
    .execute();
  if (old.length === 0) return;
  const gone = old.map(({ mac }) => mac);
  await db.deleteFrom('machineMacs').where('machineId', '=', machineId).where('mac', 'in', gone).execute();
}

export async function listSeenMacs(db: Database, machineId: string): Promise<string[]> {
  const rows = await db.selectFrom('machineMacs').select('mac').where('machineId', '=', machineId).execute();
  return rows.map(({ mac }) => mac);
}

/** They were another machine's. */
export async function forgetMacs(db: Database, machineId: string, macs: readonly string[]): Promise<void> {
  if (macs.length === 0) return;
  await db.deleteFrom('machineMacs').where('machineId', '=', machineId).where('mac', 'in', macs).execute();
}
