// Approval rules in the database: written by people, asked when an agent has said what its machine is.
import {
  type ApprovalRule,
  type ApprovalRuleBody,
  type ApprovalRulePatch,
  approvalRuleBodySchema,
} from '../../protocol/approval-rule.ts';
import { DeployError } from '../../protocol/errors.ts';
import { findBootProfile } from '../boot-profiles/profiles.ts';
import type { Database, Tables } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { foldName } from '../fold-name.ts';
import { findGroup } from '../groups/groups.ts';
import { newId } from '../new-id.ts';
import { approveWaiting } from './approve-machine.ts';

/** The machines that wait and that it fits are approved with it. @throws DeployError approval-rule-exists; group-not-found; boot-profile-not-found */
export async function createApprovalRule(db: Database, body: ApprovalRuleBody): Promise<ApprovalRule> {
  const id = newId();
  return transact(db, async (transaction) => {
    const columns = await toColumns(transaction, id, body);
    const counts = { createdAt: new Date().toISOString(), uses: 0, lastUsedAt: null };
    await transaction
      .insertInto('approvalRules')
      .values({ id, ...columns, ...counts })
      .execute();
    await approveWaiting(transaction);
    return findApprovalRule(transaction, id);
  });
}

/** As createApprovalRule. @throws DeployError also approval-rule-not-found */
export async function changeApprovalRule(
  db: Database,
  idOrName: string,
  patch: ApprovalRulePatch,
): Promise<ApprovalRule> {
  return transact(db, async (transaction) => {
    const { id, createdAt: _, uses: __, lastUsedAt: ___, ...before } = await findApprovalRule(transaction, idOrName);
    const columns = await toColumns(transaction, id, approvalRuleBodySchema.parse({ ...before, ...patch }));
    await transaction.updateTable('approvalRules').set(columns).where('id', '=', id).execute();
    await approveWaiting(transaction);
    return findApprovalRule(transaction, id);
  });
}

/** In the order in which they are asked. */
export async function listApprovalRules(db: Database): Promise<ApprovalRule[]> {
  return (await select(db).orderBy('order').orderBy('foldedName').execute()).map(toRule);
}

/** By id or by name. @throws DeployError approval-rule-not-found */
async function findApprovalRule(db: Database, idOrName: string): Promise<ApprovalRule> {
  const rows = await select(db)
    .where((where) =>
      where.or([where('approvalRules.id', '=', idOrName), where('approvalRules.foldedName', '=', foldName(idOrName))]),
    )
    .execute();
  const found = rows.find((row) => row.id === idOrName) ?? rows[0];
  if (found === undefined) throw new DeployError('approval-rule-not-found', `no approval rule '${idOrName}'`);
  return toRule(found);
}

/** What it has approved stays approved. @throws DeployError approval-rule-not-found */
export async function deleteApprovalRule(db: Database, idOrName: string): Promise<ApprovalRule> {
  const rule = await findApprovalRule(db, idOrName);
  await db.deleteFrom('approvalRules').where('id', '=', rule.id).execute();
  return rule;
}

function select(db: Database) {
  return db
    .selectFrom('approvalRules')
    .leftJoin('machineGroups', 'machineGroups.id', 'approvalRules.groupId')
    .leftJoin('bootProfiles', 'bootProfiles.id', 'approvalRules.bootProfileId')
    .selectAll('approvalRules')
    .select(['machineGroups.name as group', 'bootProfiles.name as bootProfile']);
}

async function toColumns(db: Database, ownId: string, body: ApprovalRuleBody) {
  const { name, rules, order, tags, group, bootProfile } = body;
  const other = await db
    .selectFrom('approvalRules')
    .select('id')
    .where((where) => where.or([where('foldedName', '=', foldName(name)), where('id', '=', name)]))
    .where('id', '!=', ownId)
    .executeTakeFirst();
  if (other !== undefined) throw new DeployError('approval-rule-exists', `there is an approval rule '${name}' already`);
  return {
    ...{ name, foldedName: foldName(name), order },
    ...{ rules: JSON.stringify(rules), tags: JSON.stringify(tags) },
    groupId: group === null ? null : (await findGroup(db, group)).id,
    bootProfileId: bootProfile === null ? null : (await findBootProfile(db, bootProfile)).id,
  };
}

type Row = Tables['approvalRules'] & { group: string | null; bootProfile: string | null };

function toRule({ foldedName: _, groupId: __, bootProfileId: ___, ...row }: Row): ApprovalRule {
  return { ...row, rules: JSON.parse(row.rules), tags: JSON.parse(row.tags) };
}
