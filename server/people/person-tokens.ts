// Tokens that speak for a user: a login's, which lapses when it is not used, and those of scripts. Only their hashes are kept.
import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { type PersonToken, type Role, roles, type tokenBodySchema } from '../../protocol/people.ts';
import type { Database, PersonTokenRow, UserRow } from '../database/schema.ts';
import { newId } from '../new-id.ts';
import { hashToken } from '../tokens/operator-token.ts';

const hourMs = 3_600_000;
const sessionIdleMs = 12 * hourMs;
const sessionLifeMs = 7 * 24 * hourMs;
/** Its last use is written down at most so often. */
const usedEveryMs = 60_000;

export type Person = {
  readonly userId: string;
  readonly name: string;
  /** On all machines. */
  readonly role: Role;
  readonly grants: readonly { readonly groupId: string; readonly role: Role }[];
  readonly tokenId: string;
};

/** It lasts as long as it is used, and `lifeMs` at most. */
export async function openSession(db: Database, user: UserRow, label: string, lifeMs = sessionLifeMs) {
  const now = Date.now();
  await db.deleteFrom('personTokens').where('expiresAt', '<', new Date(now).toISOString()).execute();
  const expiresAt = new Date(now + Math.min(sessionIdleMs, lifeMs)).toISOString();
  const endsAt = new Date(now + lifeMs).toISOString();
  return insertToken(db, user, { kind: 'session', label, role: user.role as Role, expiresAt }, endsAt);
}

/** For whoever may that much. */
export async function createApiToken(
  db: Database,
  user: UserRow,
  body: z.infer<typeof tokenBodySchema> & { readonly role: Role },
) {
  const { label, role, days } = body;
  const expiresAt = days === undefined ? null : new Date(Date.now() + days * 24 * hourMs).toISOString();
  return insertToken(db, user, { kind: 'api', label, role, expiresAt });
}

async function insertToken(
  db: Database,
  user: UserRow,
  fields: Pick<PersonToken, 'kind' | 'label' | 'role' | 'expiresAt'>,
  endsAt: string | null = null,
): Promise<PersonToken & { token: string }> {
  const token = `${fields.kind === 'session' ? 'dus' : 'dat'}_${randomBytes(32).toString('base64url')}`;
  const common = { ...fields, id: newId(), userId: user.id, createdAt: new Date().toISOString(), lastUsedAt: null };
  await db
    .insertInto('personTokens')
    .values({ ...common, tokenHash: hashToken(token), endsAt })
    .execute();
  return { ...common, userName: user.name, token };
}

/** Whom the token speaks for, and what it may; null when it is not good (any more). */
export async function readPerson(db: Database, token: string): Promise<Person | null> {
  const row = await db
    .selectFrom('personTokens')
    .innerJoin('users', 'users.id', 'personTokens.userId')
    .select([
      'personTokens.id',
      'userId',
      'kind',
      'personTokens.role',
      'personTokens.createdAt',
      'expiresAt',
      'lastUsedAt',
      'endsAt',
    ])
    .select(['users.name', 'users.role as userRole', 'disabled'])
    .where('tokenHash', '=', hashToken(token))
    .executeTakeFirst();
  const now = Date.now();
  if (row === undefined || row.disabled === 1) return null;
  if (row.expiresAt !== null && Date.parse(row.expiresAt) < now) return null;
  if (row.lastUsedAt === null || Date.parse(row.lastUsedAt) < now - usedEveryMs) await noteUse(db, row, now);
  // A login may what its user may.
  const atMost = (role: Role) =>
    row.kind === 'session' || mayAtLeast(row.role as Role, role) ? role : (row.role as Role);
  const granted = await db
    .selectFrom('roleGrants')
    .select(['groupId', 'role'])
    .where('userId', '=', row.userId)
    .execute();
  const grants = granted.map(({ groupId, role }) => ({ groupId, role: atMost(role as Role) }));
  return { userId: row.userId, name: row.name, tokenId: row.id, role: atMost(row.userRole as Role), grants };
}

async function noteUse(
  db: Database,
  { id, kind, createdAt, endsAt }: Pick<PersonTokenRow, 'id' | 'kind' | 'createdAt' | 'endsAt'>,
  now: number,
): Promise<void> {
  const endMs = endsAt === null ? Date.parse(createdAt) + sessionLifeMs : Date.parse(endsAt);
  const untilMs = Math.min(now + sessionIdleMs, endMs);
  await db
    .updateTable('personTokens')
    .set({ lastUsedAt: new Date(now).toISOString() })
    .set(kind === 'session' ? { expiresAt: new Date(untilMs).toISOString() } : {})
    .where('id', '=', id)
    .execute();
}

/** Newest last; of one user, or of all. */
export async function listTokens(db: Database, userId: string | null): Promise<PersonToken[]> {
  let query = db
    .selectFrom('personTokens')
    .innerJoin('users', 'users.id', 'personTokens.userId')
    .select(['personTokens.id', 'kind', 'label', 'userId', 'users.name as userName', 'personTokens.role'])
    .select(['personTokens.createdAt', 'lastUsedAt', 'expiresAt'])
    .orderBy('personTokens.id');
  if (userId !== null) query = query.where('userId', '=', userId);
  return (await query.execute()) as PersonToken[];
}

/** Of one user, or of anybody's. @throws DeployError token-not-found */
export async function revokeToken(db: Database, tokenId: string, userId: string | null): Promise<void> {
  let query = db.deleteFrom('personTokens').where('id', '=', tokenId);
  if (userId !== null) query = query.where('userId', '=', userId);
  const { numDeletedRows } = await query.executeTakeFirst();
  if (numDeletedRows !== 1n) throw new DeployError('token-not-found', `no token ${tokenId}`);
}

/** The greatest of somebody's roles, be it on some machines only. */
export function greatestRole({ role, grants }: Pick<Person, 'role' | 'grants'>): Role {
  return grants.reduce((most, grant) => (mayAtLeast(most, grant.role) ? most : grant.role), role);
}

/** Is the role that one, or a greater one? */
export function mayAtLeast(role: Role, wanted: Role): boolean {
  return roles.indexOf(role) >= roles.indexOf(wanted);
}
