// Tags of machines: words that people put on them, the same in upper and lower case.
import type { Database } from '../database/schema.ts';
import { foldName } from '../fold-name.ts';
import { machinesIn } from '../groups/members.ts';

/** Of one machine, in order. */
export async function listTags(db: Database, machineId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('machineTags')
    .select('tag')
    .where('machineId', '=', machineId)
    .orderBy('foldedTag')
    .execute();
  return rows.map(({ tag }) => tag);
}

/** One that is there in other letters stays as it is. */
export async function changeTags(
  db: Database,
  machineId: string,
  { add = [], remove = [] }: { readonly add?: readonly string[]; readonly remove?: readonly string[] },
): Promise<void> {
  if (remove.length > 0) {
    const folded = remove.map(foldName);
    await db.deleteFrom('machineTags').where('machineId', '=', machineId).where('foldedTag', 'in', folded).execute();
  }
  if (add.length === 0) return;
  await db
    .insertInto('machineTags')
    .values(add.map((tag) => ({ machineId, tag, foldedTag: foldName(tag) })))
    .onConflict((conflict) => conflict.columns(['machineId', 'foldedTag']).doNothing())
    .execute();
}

/** All that are in use, with how many machines have each; `inGroups`: of machines of these groups, null: of all. */
export async function countTags(
  db: Database,
  inGroups: readonly string[] | null,
): Promise<{ tag: string; machineCount: number }[]> {
  let used = db.selectFrom('machineTags');
  if (inGroups !== null) used = used.where('machineId', 'in', machinesIn(db, inGroups));
  const rows = await used
    .select(({ fn }) => [fn.min<string>('tag').as('tag'), fn.countAll().as('count')])
    .groupBy('foldedTag')
    .orderBy('foldedTag')
    .execute();
  return rows.map(({ tag, count }) => ({ tag, machineCount: Number(count) }));
}
