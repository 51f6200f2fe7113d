// Enrolments: a medium with the secret of one has its machines approved by itself. The secret is known to the database only as a hash.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import type { z } from 'zod';
import { DeployError } from '../../protocol/errors.ts';
import { type Enrolment, enrolmentSecretPattern, type newEnrolmentSchema } from '../../protocol/medium.ts';
import type { Database, Tables } from '../database/schema.ts';
import { newId } from '../new-id.ts';
import { hashToken } from '../tokens/operator-token.ts';

const dayMs = 24 * 60 * 60 * 1000;

export async function createEnrolment(
  db: Database,
  { label, validDays }: { readonly label: string; readonly validDays: number },
): Promise<z.infer<typeof newEnrolmentSchema>> {
  const id = newId();
  const secret = `den_${id}_${randomBytes(24).toString('base64url')}`;
  const [createdAt, expiresAt] = [0, validDays * dayMs].map((ms) => new Date(Date.now() + ms).toISOString());
  const row = { id, label, createdAt: `${createdAt}`, expiresAt: `${expiresAt}`, uses: 0, lastUsedAt: null };
  await db
    .insertInto('enrolments')
    .values({ ...row, secretHash: hashToken(secret) })
    .execute();
  return { ...row, secret };
}

/** The newest last; those that have expired, too, until they are revoked. */
export async function listEnrolments(db: Database): Promise<Enrolment[]> {
  return (await db.selectFrom('enrolments').selectAll().orderBy('id').execute()).map(toEnrolment);
}

/** Machines that it has approved stay so. @throws DeployError enrolment-not-found */
export async function revokeEnrolment(db: Database, id: string): Promise<void> {
  const { numDeletedRows } = await db.deleteFrom('enrolments').where('id', '=', id).executeTakeFirst();
  if (numDeletedRows !== 1n) throw new DeployError('enrolment-not-found', `no enrolment '${id}'`);
}

/** The enrolment whose secret it is, or why there is none. */
export async function checkSecret(db: Database, secret: string): Promise<Enrolment | 'unknown' | 'expired'> {
  const id = enrolmentSecretPattern.exec(secret)?.[1];
  if (id === undefined) return 'unknown';
  const row = await db.selectFrom('enrolments').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) return 'unknown';
  // In the same time whatever is wrong with it.
  if (!timingSafeEqual(Buffer.from(row.secretHash, 'hex'), Buffer.from(hashToken(secret), 'hex'))) return 'unknown';
  return row.expiresAt < new Date().toISOString() ? 'expired' : toEnrolment(row);
}

export async function countUse(db: Database, { id }: Enrolment): Promise<void> {
  await db
    .updateTable('enrolments')
    .set((column) => ({ uses: column('uses', '+', 1), lastUsedAt: new Date().toISOString() }))
    .where('id', '=', id)
    .execute();
}

function toEnrolment({ secretHash: _, ...row }: Tables['enrolments']): Enrolment {
  return row;
}
