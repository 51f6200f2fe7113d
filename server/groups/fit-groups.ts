// Which groups a machine is in by their rules, and which machines a group's rules fit: written down when one of them changes.
import type { MachineRule } from '../../protocol/machine-rule.ts';
import type { Database } from '../database/schema.ts';
import { fitsRule, type MachineFacts } from '../machines/machine-rule.ts';

const rowsAtOnce = 1000;

/** A machine's facts have changed. */
export async function fitGroups(db: Database, machineId: string, facts: MachineFacts): Promise<void> {
  const groups = await db.selectFrom('machineGroups').select(['id', 'rules']).where('rules', '!=', '[]').execute();
  const fitting = new Set(groups.filter(({ rules }) => fitsOne(JSON.parse(rules), facts)).map(({ id }) => id));
  const rows = await db
    .selectFrom('groupMembers')
    .select('groupId')
    .where('machineId', '=', machineId)
    .where('kind', '=', 'rule')
    .execute();
  const before = new Set(rows.map(({ groupId }) => groupId));
  const gone = [...before].filter((id) => !fitting.has(id));
  if (gone.length > 0) {
    await db
      .deleteFrom('groupMembers')
      .where('machineId', '=', machineId)
      .where('kind', '=', 'rule')
      .where('groupId', 'in', gone)
      .execute();
  }
  await insertRows(
    db,
    [...fitting].filter((id) => !before.has(id)).map((groupId) => ({ groupId, machineId })),
  );
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
