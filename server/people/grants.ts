// Grants: the roles that people have on groups of machines, besides the one that they have everywhere.
import type { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import type { Grant, GrantRole, grantBodySchema } from '../../protocol/people.ts';
import type { Database } from '../database/schema.ts';
import { findGroup } from '../groups/groups.ts';
import { findUser } from './users.ts';

/** In order of person and group; of one user, or of all. */
export async function listGrants(db: Database, userId: string | null = null): Promise<Grant[]> {
  let query = db
    .selectFrom('roleGrants')
    .innerJoin('users', 'users.id', 'roleGrants.userId')
    .innerJoin('machineGroups', 'machineGroups.id', 'roleGrants.groupId')
    .select(['userId', 'users.name as userName', 'groupId', 'machineGroups.name as groupName'])
    .select(['roleGrants.role', 'roleGrants.createdAt'])
    .orderBy('users.foldedName')
    .orderBy('machineGroups.foldedName');
  if (userId !== null) query = query.where('userId', '=', userId);
  return (await query.execute()).map((row) => ({ ...row, role: row.role as GrantRole }));
}

/** Takes the place of what the person may on that group. @throws DeployError user-not-found, group-not-found */
export async function setGrant(db: Database, body: z.infer<typeof grantBodySchema>): Promise<Grant> {
  const [user, group] = [await findUser(db, body.user), await findGroup(db, body.group)];
  const { role } = body;
  const createdAt = new Date().toISOString();
  await db
    .insertInto('roleGrants')
    .values({ userId: user.id, groupId: group.id, role, createdAt })
    .onConflict((conflict) => conflict.columns(['userId', 'groupId']).doUpdateSet({ role, createdAt }))
    .execute();
  return { userId: user.id, userName: user.name, groupId: group.id, groupName: group.name, role, createdAt };
}

/** @throws DeployError user-not-found, group-not-found, grant-not-found */
export async function deleteGrant(db: Database, userName: string, groupName: string): Promise<void> {
  const [user, group] = [await findUser(db, userName), await findGroup(db, groupName)];
  const { numDeletedRows } = await db
    .deleteFrom('roleGrants')
    .where('userId', '=', user.id)
    .where('groupId', '=', group.id)
    .executeTakeFirst();
  if (numDeletedRows === 1n) return;
  throw new DeployError('grant-not-found', `${user.name} has no role on the group ${group.name}`);
}
