// Users: made, changed and removed by administrators. Names differ in more than case.
import type { z } from 'zod';
import { readAsker } from '../../protocol/askers.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { Role, Setup, User, UserPatch, userBodySchema } from '../../protocol/people.ts';
import type { Database, UserRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { foldName } from '../fold-name.ts';
import { newId } from '../new-id.ts';
import { hashPassword } from './password-hash.ts';

/** @throws DeployError user-exists, invalid-input */
export async function createUser(db: Database, body: z.infer<typeof userBodySchema>): Promise<User> {
  if (readAsker(foldName(body.name)) !== null) {
    throw new DeployError('invalid-input', `'${body.name}' is what the records write where no user asked`, {
      hint: 'Choose another name.',
    });
  }
  const row: UserRow = {
    id: newId(),
    name: body.name,
    foldedName: foldName(body.name),
    passwordHash: await hashPassword(body.password),
    role: body.role,
    disabled: 0,
    createdAt: new Date().toISOString(),
    lastLoginAt: null,
    openidIssuer: null,
    openidSubject: null,
  };
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('users')
    .values(row)
    .onConflict((conflict) => conflict.column('foldedName').doNothing())
    .executeTakeFirstOrThrow();
  if (numInsertedOrUpdatedRows !== 1n) throw new DeployError('user-exists', `there is a user '${body.name}' already`);
  return toUser(row);
}

/** In order of name. */
export async function listUsers(db: Database): Promise<User[]> {
  return (await db.selectFrom('users').selectAll().orderBy('foldedName').execute()).map(toUser);
}

/** Before the first user there is only the operator token: the console then asks for it, and makes an administrator. */
export async function readSetup(db: Database): Promise<Pick<Setup, 'needsAdministrator'>> {
  const user = await db.selectFrom('users').select('id').limit(1).executeTakeFirst();
  return { needsAdministrator: user === undefined };
}

/** By id or by name. @throws DeployError user-not-found */
export async function findUser(db: Database, idOrName: string): Promise<UserRow> {
  const user = await findUserOrNull(db, idOrName);
  if (user === null) throw new DeployError('user-not-found', `no user '${idOrName}'`);
  return user;
}

export async function findUserOrNull(db: Database, idOrName: string): Promise<UserRow | null> {
  const rows = await db
    .selectFrom('users')
    .selectAll()
    .where((where) => where.or([where('id', '=', idOrName), where('foldedName', '=', foldName(idOrName))]))
    .execute();
  return rows.find((row) => row.id === idOrName) ?? rows[0] ?? null;
}

/** A new password, a lesser role or a disabled user ends what the user's tokens could do before. @throws DeployError user-not-found */
export async function changeUser(db: Database, idOrName: string, patch: UserPatch): Promise<User> {
  const { password, role, disabled } = patch;
  const passwordHash = password === undefined ? undefined : await hashPassword(password);
  return transact(db, async (transaction) => {
    const user = await findUser(transaction, idOrName);
    if (user.openidSubject !== null && (role !== undefined || passwordHash !== undefined)) {
      throw new DeployError('invalid-input', `${user.name} logs in through OpenID Connect, whose groups say the role`, {
        hint: 'Change the groups there. `--disable` keeps the user out at once.',
      });
    }
    const changed: UserRow = {
      ...user,
      passwordHash: passwordHash ?? user.passwordHash,
      role: role ?? user.role,
      disabled: disabled === undefined ? user.disabled : Number(disabled),
    };
    const { id, ...columns } = changed;
    await transaction.updateTable('users').set(columns).where('id', '=', id).execute();
    if (passwordHash !== undefined) {
      // Somebody who knew the old one may be logged in.
      await transaction.deleteFrom('personTokens').where('userId', '=', id).where('kind', '=', 'session').execute();
    }
    return toUser(changed);
  });
}

/** What the user did stays in the audit log, under the name. @throws DeployError user-not-found */
export async function deleteUser(db: Database, idOrName: string): Promise<void> {
  await transact(db, async (transaction) => {
    const { id } = await findUser(transaction, idOrName);
    await transaction.deleteFrom('personTokens').where('userId', '=', id).execute();
    await transaction.deleteFrom('users').where('id', '=', id).execute();
  });
}

export function toUser(row: UserRow): User {
  return {
    id: row.id,
    name: row.name,
    role: row.role as Role,
    disabled: row.disabled === 1,
    createdAt: row.createdAt,
    lastLoginAt: row.lastLoginAt,
    openIdIssuer: row.openidIssuer,
  };
}
