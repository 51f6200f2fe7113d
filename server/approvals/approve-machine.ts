// A machine is approved without anybody asking: by a rule, by an enrolment's secret, or because the server approves all. It is written down why.
import type { AskerName } from '../../protocol/askers.ts';
import type { MachineRule } from '../../protocol/machine-rule.ts';
import type { About } from '../../protocol/people.ts';
import type { ServerConfig } from '../config.ts';
import type { Database, MachineRow, Tables } from '../database/schema.ts';
import { refreshFacts } from '../machines/machine-facts.ts';
import { fitsRule, type MachineFacts } from '../machines/machine-rule.ts';
import { changeTags } from '../machines/tags.ts';
import { writeAudit } from '../people/audit-log.ts';

/** In the audit log, where a person's name would be. */
const who: AskerName = 'automatic approval';

/** For servers that approve all. */
export function approvedByServer({ approve }: Pick<ServerConfig, 'approve'>): About | null {
  return approve === 'all' ? { flag: '--approve all' } : null;
}

type RuleRow = Tables['approvalRules'];
type Waiting = Pick<MachineRow, 'id' | 'name' | 'address'> & { readonly facts: string };

/** `by` says why, for the audit log: `{ enrolment: … }`. In a transaction. One that is approved already stays as it is. */
export async function approveMachine(
  db: Database,
  { id, name, address }: Pick<MachineRow, 'id' | 'name' | 'address'>,
  by: About,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('machines')
    .set({ state: 'approved' })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return false;
  const about = { id, name, ...by };
  await writeAudit(db, { who, address: address ?? '', action: 'approve machine', about, outcome: 'ok' });
  return true;
}

/** An agent has said what its machine is. In a transaction. */
export async function approveByPolicy(db: Database, config: ServerConfig, machine: MachineRow): Promise<void> {
  const byServer = approvedByServer(config);
  if (byServer !== null) await approveMachine(db, machine, byServer);
  else await approveByRule(db, machine);
}

async function approveByRule(db: Database, machine: MachineRow): Promise<void> {
  const known = await db
    .selectFrom('machineFacts')
    .select('facts')
    .where('machineId', '=', machine.id)
    .executeTakeFirst();
  if (known !== undefined) await approveFitting(db, await readRules(db), { ...machine, ...known });
}

/** Rules have changed: all machines that wait are looked at. In a transaction. */
export async function approveWaiting(db: Database): Promise<void> {
  const rules = await readRules(db);
  const waiting = await db
    .selectFrom('machines')
    .innerJoin('machineFacts', 'machineFacts.machineId', 'machines.id')
    .select(['id', 'name', 'address', 'facts'])
    .where('state', '=', 'pending')
    // One that has never registered has said too little of itself.
    .where('inventory', 'is not', null)
    .execute();
  for (const machine of waiting) await approveFitting(db, rules, machine);
}

async function readRules(db: Database): Promise<RuleRow[]> {
  return db.selectFrom('approvalRules').selectAll().orderBy('order').orderBy('foldedName').execute();
}

async function approveFitting(db: Database, rules: readonly RuleRow[], machine: Waiting): Promise<void> {
  // Where it asks from is what the network says; the addresses of its NICs are only its own word.
  const facts: MachineFacts = {
    ...JSON.parse(machine.facts),
    addresses: machine.address === null ? [] : [machine.address],
  };
  const rule = rules.find((each) => (JSON.parse(each.rules) as MachineRule[]).some((one) => fitsRule(one, facts)));
  if (rule === undefined || !(await approveMachine(db, machine, { rule: rule.name, ruleId: rule.id }))) return;
  await db
    .updateTable('approvalRules')
    .set((column) => ({ uses: column('uses', '+', 1), lastUsedAt: new Date().toISOString() }))
    .where('id', '=', rule.id)
    .execute();
  await give(db, rule, machine.id);
}

async function give(db: Database, { tags, groupId, bootProfileId }: RuleRow, machineId: string): Promise<void> {
  if (bootProfileId !== null) {
    await db.updateTable('machines').set({ bootProfileId }).where('id', '=', machineId).execute();
  }
  if (groupId !== null) {
    await db
      .insertInto('groupMembers')
      .values({ groupId, machineId, kind: 'fixed' })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
  await changeTags(db, machineId, { add: JSON.parse(tags) });
  await refreshFacts(db, [machineId]);
}
