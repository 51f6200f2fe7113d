// Which groups a machine is in by their rules, and which machines a group's rules fit: written down when one of them changes.
import type { MachineRule } from '../../protocol/machine-rule.ts';
import type { Database } from '../database/schema.ts';
import { fitsRule, type MachineFacts } from '../machines/machine-rule.ts';

const rowsAtOnce = 1000;

/** What is known of these machines has changed. */
export async function fitGroups(db: Database, machines: ReadonlyMap<string, MachineFacts>): Promise<void> {
  const rows = await db.selectFrom('machineGroups').select(['id', 'rules']).where('rules', '!=', '[]').execute();
  const groups = rows.map(({ id, rules }) => ({ id, rules: JSON.parse(rules) as MachineRule[] }));
  const members = await db
    .selectFrom('groupMembers')
    .select(['groupId', 'machineId'])
    .where('machineId', 'in', [...machines.keys()])
    .where('kind', '=', 'rule')
    .execute();
  const before = Map.groupBy(members, ({ machineId }) => machineId);
  const come: { groupId: string; machineId: string }[] = [];
  for (const [machineId, facts] of machines) {
    const fitting = groups.filter(({ rules }) => fitsOne(rules, facts)).map(({ id }) => id);
    const was = (before.get(machineId) ?? []).map(({ groupId }) => groupId);
    await leave(
      db,
      machineId,
      was.filter((id) => !fitting.includes(id)),
    );
    come.push(...fitting.filter((id) => !was.includes(id)).map((groupId) => ({ groupId, machineId })));
  }
  await insertRows(db, come);
}

async function leave(db: Database, machineId: string, groupIds: readonly string[]): Promise<void> {
  if (groupIds.length === 0) return;
  await db
    .deleteFrom('groupMembers')
    .where('machineId', '=', machineId)
    .where('kind', '=', 'rule')
    .where('groupId', 'in', groupIds)
    .execute();
}

/** A group's rules have changed. */
export async function fitMachines(db: Database, groupId: string, rules: readonly MachineRule[]): Promise<void> {
  await db.deleteFrom('groupMembers').where('groupId', '=', groupId).where('kind', '=', 'rule').execute();
  if (rules.length === 0) return;
  const machines = await db.selectFrom('machineFacts').select(['machineId', 'facts']).execute();
  const fitting = machines.filter(({ facts }) => fitsOne(rules, JSON.parse(facts)));
  await insertRows(
    db,
    fitting.map(({ machineId }) => ({ groupId, machineId })),
  );
}

function fitsOne(rules: readonly MachineRule[], facts: MachineFacts): boolean {
  return rules.some((rule) => fitsRule(rule, facts));
}

async function insertRows(db: Database, rows: readonly { groupId: string; machineId: string }[]): Promise<void> {
  for (let at = 0; at < rows.length; at += rowsAtOnce) {
    const some = rows.slice(at, at + rowsAtOnce).map((row) => ({ ...row, kind: 'rule' as const }));
    await db.insertInto('groupMembers').values(some).execute();
  }
}
