// Machines as a list shows them: searched, filtered and page by page, all by the database; see database/migrations/007-groups.ts for what makes it quick.

import { type RawBuilder, sql } from 'kysely';
import type { Machine, MachineQuery } from '../../protocol/rest.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { foldName } from '../fold-name.ts';
import { findGroup } from '../groups/groups.ts';
import { machinesIn } from '../groups/members.ts';
import { toMachine } from './read-machines.ts';

const maxWords = 8;
/** How many values a statement has at most: fewer than either database takes. */
const valuesAtOnce = 1000;

/** `inGroups`: only machines of these groups; null: all. */
type Wanted = MachineQuery & { readonly inGroups?: readonly string[] | null };

/** In order of name. @throws DeployError group-not-found */
export async function listMachines(db: Database, query: Wanted = {}): Promise<Machine[]> {
  return showMachines(db, await selectMachines(db, query));
}

async function selectMachines(db: Database, query: Wanted): Promise<MachineRow[]> {
  let found = db.selectFrom('machines').orderBy('name');
  const words = foldName(query.search ?? '')
    .split(/\s+/)
    .filter((word) => word !== '')
    .slice(0, maxWords);
  if (words.length > 0) {
    found = found.where('id', 'in', ({ selectFrom }) =>
      selectFrom('machineFacts')
        .select('machineId')
        .where((where) => where.and(words.map((word) => contains(word)))),
    );
  }
  if (query.tag !== undefined) {
    const tag = foldName(query.tag);
    found = found.where('id', 'in', ({ selectFrom }) =>
      selectFrom('machineTags').select('machineId').where('foldedTag', '=', tag),
    );
  }
  if (query.group !== undefined) {
    const group = await findGroup(db, query.group);
    found = found.where('id', 'in', ({ selectFrom }) =>
      selectFrom('groupMembers').select('machineId').where('groupId', '=', group.id),
    );
  }
  const { inGroups = null } = query;
  if (inGroups !== null) found = found.where('id', 'in', machinesIn(db, inGroups));
  if (query.state !== undefined) found = found.where('state', '=', query.state);
  if (query.online !== undefined) {
    const now = new Date().toISOString();
    found = found.where((where) =>
      query.online === true
        ? where('onlineUntil', '>', now)
        : where.or([where('onlineUntil', 'is', null), where('onlineUntil', '<=', now)]),
    );
  }
  if (query.after !== undefined) found = found.where('name', '>', query.after.normalize('NFC'));
  if (query.limit === undefined) return found.selectAll('machines').execute();
  // Ids first, which indexes answer: in SQLite the way through a row to what stands behind its inventory takes most of the time.
  const page = found.select('id').limit(query.limit);
  return db.selectFrom('machines').selectAll('machines').where('id', 'in', page).orderBy('name').execute();
}

/** The text of `search` is folded, as the word is. */
function contains(word: string): RawBuilder<boolean> {
  const pattern = `%${word.replaceAll(/[\\%_]/g, '\\$&')}%`;
  return sql<boolean>`${sql.ref('search')} like ${pattern} escape '\\'`;
}

type Named = { readonly id: string; readonly name: string };

/** With their tags and groups. */
export async function showMachines(db: Database, rows: readonly MachineRow[]): Promise<Machine[]> {
  const [tags, groups] = [await tagsOf(db, rows), await groupsOf(db, rows)];
  return rows.map((row) => toMachine(row, tags.get(row.id) ?? [], groups.get(row.id) ?? []));
}

async function tagsOf(db: Database, machines: readonly MachineRow[]): Promise<Map<string, string[]>> {
  const rows = await inPortions(machines, (ids) =>
    db
      .selectFrom('machineTags')
      .select(['machineId', 'tag'])
      .where('machineId', 'in', ids)
      .orderBy('foldedTag')
      .execute(),
  );
  return gather(rows.map(({ machineId, tag }) => [machineId, tag]));
}

async function groupsOf(db: Database, machines: readonly MachineRow[]): Promise<Map<string, Named[]>> {
  const rows = await inPortions(machines, (ids) =>
    db
      .selectFrom('groupMembers')
      .innerJoin('machineGroups', 'machineGroups.id', 'groupMembers.groupId')
      .select(['machineId', 'machineGroups.id', 'machineGroups.name', 'foldedName'])
      .distinct()
      .where('machineId', 'in', ids)
      .orderBy('foldedName')
      .execute(),
  );
  return gather(rows.map(({ machineId, id, name }) => [machineId, { id, name }]));
}

async function inPortions<T>(machines: readonly MachineRow[], ask: (ids: string[]) => Promise<T[]>): Promise<T[]> {
  const rows: T[] = [];
  for (let at = 0; at < machines.length; at += valuesAtOnce) {
    rows.push(...(await ask(machines.slice(at, at + valuesAtOnce).map(({ id }) => id))));
  }
  return rows;
}

function gather<T>(pairs: readonly (readonly [string, T])[]): Map<string, T[]> {
  const lists = new Map<string, T[]>();
  for (const [key, value] of pairs) {
    const list = lists.get(key);
    if (list === undefined) lists.set(key, [value]);
    else list.push(value);
  }
  return lists;
}
