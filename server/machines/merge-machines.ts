// Two records of one machine become one: what belongs to the first goes to the second.
import { DeployError } from '../../protocol/errors.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { requireNoJob } from './change-machine.ts';
import { refreshFacts } from './machine-facts.ts';

/** In a transaction. `from` is gone then. @throws DeployError job-state while a job of `from` runs (what waits goes along); invalid-input for one and the same */
export async function mergeMachines(db: Database, from: MachineRow, into: MachineRow): Promise<void> {
  if (from.id === into.id) throw new DeployError('invalid-input', `${into.name} cannot be merged with itself`);
  await requireNoJob(db, from, ['running']);
  const [old, { id: machineId }] = [from.id, into];
  for (const table of ['machineIdentities', 'bootTokens', 'diskChecks', 'jobs'] as const) {
    await db.updateTable(table).set({ machineId }).where('machineId', '=', old).execute();
  }
  const macs = await db.selectFrom('machineMacs').selectAll().where('machineId', '=', old).execute();
  const tags = await db.selectFrom('machineTags').selectAll().where('machineId', '=', old).execute();
  const members = await db
    .selectFrom('groupMembers')
    .selectAll()
    .where('machineId', '=', old)
    .where('kind', '=', 'fixed')
    .execute();
  const mine = <T extends object>(rows: readonly T[]) => rows.map((row) => ({ ...row, machineId }));
  for (const insert of [
    macs.length > 0 ? db.insertInto('machineMacs').values(mine(macs)) : null,
    tags.length > 0 ? db.insertInto('machineTags').values(mine(tags)) : null,
    members.length > 0 ? db.insertInto('groupMembers').values(mine(members)) : null,
  ]) {
    await insert?.onConflict((conflict) => conflict.doNothing()).execute();
  }
  // The inventory of whichever was here last.
  if (from.inventory !== null && (into.lastSeenAt ?? '') < (from.lastSeenAt ?? '')) {
    const { inventory, lastSeenAt, address } = from;
    await db.updateTable('machines').set({ inventory, lastSeenAt, address }).where('id', '=', machineId).execute();
  }
  await db.deleteFrom('machines').where('id', '=', old).execute();
  await refreshFacts(db, [machineId]);
}
