// The machines of a group: those that somebody has put into it, and those that its rules fit.
import { DeployError } from '../../protocol/errors.ts';
import type { Database, MachineRow } from '../database/schema.ts';

/** How many values a statement has at most: fewer than either database takes. */
const valuesAtOnce = 1000;

/** All of them, in order of name. `groupId` is an id: see findGroup for names. */
export async function machinesOfGroup(db: Database, groupId: string): Promise<MachineRow[]> {
  return db
    .selectFrom('machines')
    .selectAll()
    .where('id', 'in', (query) => query.selectFrom('groupMembers').select('machineId').where('groupId', '=', groupId))
    .orderBy('name')
    .execute();
}

/** Their ids, as part of another question; one in two groups is there twice. */
export function machinesIn(db: Database, groupIds: readonly string[]) {
  return db
    .selectFrom('groupMembers')
    .select('machineId')
    .where('groupId', 'in', groupIds.length === 0 ? [''] : groupIds);
}

/** Those that somebody has put into it, in order of name. */
export async function listFixedMembers(db: Database, groupId: string): Promise<{ id: string; name: string }[]> {
  return db
    .selectFrom('machines')
    .innerJoin('groupMembers', 'groupMembers.machineId', 'machines.id')
    .select(['machines.id', 'machines.name'])
    .where('groupId', '=', groupId)
    .where('kind', '=', 'fixed')
    .orderBy('name')
    .execute();
}

/** The groups that somebody has put a machine into. */
export async function listFixedGroups(db: Database, machineId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('groupMembers')
    .select('groupId')
    .where('machineId', '=', machineId)
    .where('kind', '=', 'fixed')
    .orderBy('groupId')
    .execute();
  return rows.map(({ groupId }) => groupId);
}

/** Machines by id or by name; in a transaction. One that a rule fits stays in the group all the same. @throws DeployError machine-not-found */
export async function changeMembers(
  db: Database,
  groupId: string,
  { add, remove }: { readonly add: readonly string[]; readonly remove: readonly string[] },
): Promise<void> {
  const fixed = db.deleteFrom('groupMembers').where('groupId', '=', groupId).where('kind', '=', 'fixed');
  for (const ids of await findIds(db, remove)) await fixed.where('machineId', 'in', ids).execute();
  for (const ids of await findIds(db, add)) {
    await db
      .insertInto('groupMembers')
      .values(ids.map((machineId) => ({ groupId, machineId, kind: 'fixed' as const })))
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** In portions. */
async function findIds(db: Database, idsOrNames: readonly string[]): Promise<string[][]> {
  const portions: string[][] = [];
  for (let at = 0; at < idsOrNames.length; at += valuesAtOnce) {
    const wanted = idsOrNames.slice(at, at + valuesAtOnce);
    const rows = await db
      .selectFrom('machines')
      .select(['id', 'name'])
      .where((where) => where.or([where('id', 'in', wanted), where('name', 'in', wanted)]))
      .execute();
    const byName = new Map([
      ...rows.map(({ id, name }) => [name, id] as const),
      ...rows.map(({ id }) => [id, id] as const),
    ]);
    portions.push([...new Set(wanted.map((name) => byName.get(name) ?? refuse(name)))]);
  }
  return portions;
}

function refuse(name: string): never {
  throw new DeployError('machine-not-found', `no machine '${name}'`);
}
