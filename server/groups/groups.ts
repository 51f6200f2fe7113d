// Groups of machines in the database. Names differ in more than case.
import type { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import type { Group, groupBodySchema, groupPatchSchema } from '../../protocol/group.ts';
import type { Database, Tables } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { foldName } from '../fold-name.ts';
import { newId } from '../new-id.ts';
import { fitMachines } from './fit-groups.ts';
import { changeMembers } from './members.ts';

type GroupRow = Tables['machineGroups'];

/** @throws DeployError group-exists; machine-not-found */
export async function createGroup(db: Database, body: z.infer<typeof groupBodySchema>): Promise<Group> {
  const { name, rules, members } = body;
  const common = { id: newId(), name, foldedName: foldName(name), createdAt: new Date().toISOString() };
  return transact(db, async (transaction) => {
    await requireFreeName(transaction, name, common.id);
    await transaction
      .insertInto('machineGroups')
      .values({ ...common, rules: JSON.stringify(rules) })
      .execute();
    await changeMembers(transaction, common.id, { add: members, remove: [] });
    await fitMachines(transaction, common.id, rules);
    return readGroup(transaction, common.id);
  });
}

/** In order of name. */
export async function listGroups(db: Database): Promise<Group[]> {
  const rows = await db.selectFrom('machineGroups').selectAll().orderBy('foldedName').execute();
  const counts = await db
    .selectFrom('groupMembers')
    .select(({ fn }) => ['groupId', fn.count('machineId').distinct().as('count')])
    .groupBy('groupId')
    .execute();
  const byGroup = new Map(counts.map(({ groupId, count }) => [groupId, Number(count)]));
  return rows.map((row) => toGroup(row, byGroup.get(row.id) ?? 0));
}

/** By id or by name. @throws DeployError group-not-found */
export async function findGroup(db: Database, idOrName: string): Promise<GroupRow> {
  const rows = await db
    .selectFrom('machineGroups')
    .selectAll()
    .where((where) => where.or([where('id', '=', idOrName), where('foldedName', '=', foldName(idOrName))]))
    .execute();
  const found = rows.find((row) => row.id === idOrName) ?? rows[0];
  if (found === undefined) throw new DeployError('group-not-found', `no group '${idOrName}'`);
  return found;
}

/** @throws DeployError group-not-found */
export async function readGroup(db: Database, idOrName: string): Promise<Group> {
  const row = await findGroup(db, idOrName);
  const { count } = await db
    .selectFrom('groupMembers')
    .select(({ fn }) => fn.count('machineId').distinct().as('count'))
    .where('groupId', '=', row.id)
    .executeTakeFirstOrThrow();
  return toGroup(row, Number(count));
}

/** @throws DeployError group-not-found, group-exists */
export async function changeGroup(
  db: Database,
  idOrName: string,
  { name, rules }: z.infer<typeof groupPatchSchema>,
): Promise<Group> {
  return transact(db, async (transaction) => {
    const { id, ...before } = await findGroup(transaction, idOrName);
    if (name !== undefined) await requireFreeName(transaction, name, id);
    const changed = {
      ...(name === undefined ? before : { ...before, name, foldedName: foldName(name) }),
      ...(rules === undefined ? {} : { rules: JSON.stringify(rules) }),
    };
    await transaction.updateTable('machineGroups').set(changed).where('id', '=', id).execute();
    if (rules !== undefined) await fitMachines(transaction, id, rules);
    return readGroup(transaction, id);
  });
}

/** Its machines stay. @throws DeployError group-not-found */
export async function deleteGroup(db: Database, idOrName: string): Promise<GroupRow> {
  return transact(db, async (transaction) => {
    const group = await findGroup(transaction, idOrName);
    await transaction.deleteFrom('machineGroups').where('id', '=', group.id).execute();
    return group;
  });
}

async function requireFreeName(db: Database, name: string, ownId: string): Promise<void> {
  const other = await db
    .selectFrom('machineGroups')
    .select('id')
    .where((where) => where.or([where('foldedName', '=', foldName(name)), where('id', '=', name)]))
    .where('id', '!=', ownId)
    .executeTakeFirst();
  if (other !== undefined) throw new DeployError('group-exists', `there is a group '${name}' already`);
}

function toGroup({ id, name, rules, createdAt }: GroupRow, machineCount: number): Group {
  return { id, name, rules: JSON.parse(rules), machineCount, createdAt };
}
