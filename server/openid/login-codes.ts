// A login that ended in a browser goes on in the command line that began it: by a code that is good once, and only with what that command line has kept to itself (RFC 7636).
import { createHash, randomBytes } from 'node:crypto';
import { DeployError } from '../../protocol/errors.ts';
import type { LoginCodeBody } from '../../protocol/openid.ts';
import type { Database, UserRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { hashToken } from '../tokens/operator-token.ts';

const lifeMs = 5 * 60_000;

/** `challenge`: SHA-256 of what the command line has kept. */
export async function issueLoginCode(db: Database, user: UserRow, challenge: string): Promise<string> {
  const code = `dlc_${randomBytes(16).toString('base64url')}`;
  const now = Date.now();
  await db.deleteFrom('loginCodes').where('expiresAt', '<', new Date(now).toISOString()).execute();
  const expiresAt = new Date(now + lifeMs).toISOString();
  await db
    .insertInto('loginCodes')
    .values({ codeHash: hashToken(code), challenge, userId: user.id, expiresAt })
    .execute();
  return code;
}

/** Whose login it is. The code is used up by the first try, also by a wrong one. @throws DeployError unauthorized */
export async function takeLoginCode(db: Database, { code, verifier }: LoginCodeBody): Promise<UserRow> {
  const codeHash = hashToken(code);
  const taken = await transact(db, async (transaction) => {
    const row = await transaction
      .selectFrom('loginCodes')
      .innerJoin('users', 'users.id', 'loginCodes.userId')
      .selectAll('users')
      .select(['challenge', 'expiresAt'])
      .where('codeHash', '=', codeHash)
      .executeTakeFirst();
    const { numDeletedRows } = await transaction
      .deleteFrom('loginCodes')
      .where('codeHash', '=', codeHash)
      .executeTakeFirst();
    return numDeletedRows === 1n ? row : undefined;
  });
  const challenge = createHash('sha256').update(verifier).digest('base64url');
  if (taken !== undefined && taken.challenge === challenge && taken.expiresAt > new Date().toISOString()) {
    const { challenge: _, expiresAt: __, ...user } = taken;
    if (user.disabled === 0) return user;
  }
  throw new DeployError('unauthorized', 'the code is not good (any more)', {
    hint: 'It is good once, for five minutes, and for the command that showed the address. Log in again.',
  });
}
