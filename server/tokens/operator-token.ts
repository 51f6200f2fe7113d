// The one secret of people and scripts: made at the first start, kept for the owner of the data directory, known to the database only as a hash.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Database } from '../database/schema.ts';
import { writePrivateFile } from '../tls/private-file.ts';

const setting = 'operatorTokenHash';

export type OperatorToken = { readonly token: string; readonly filePath: string; readonly isNew: boolean };

/** Reads `dataDir/operator-token`, making it at the first start or when someone removed it to get a new one. */
export async function readOperatorToken(dataDir: string): Promise<OperatorToken> {
  const filePath = path.join(dataDir, 'operator-token');
  const present = await readFile(filePath, 'utf8').catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return null;
    throw thrown;
  });
  const token = present?.trim() || `dop_${randomBytes(32).toString('base64url')}`;
  const isNew = token !== present?.trim();
  if (isNew) await writePrivateFile(filePath, `${token}\n`);
  return { token, filePath, isNew };
}

/** The same, and from now on it is the one that counts. */
export async function openOperatorToken(db: Database, dataDir: string): Promise<OperatorToken> {
  const { token, ...rest } = await readOperatorToken(dataDir);
  await db
    .insertInto('settings')
    .values({ name: setting, value: hashToken(token) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: hashToken(token) }))
    .execute();
  return { token, ...rest };
}

export async function isOperatorToken(db: Database, token: string): Promise<boolean> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  return row !== undefined && timingSafeEqual(Buffer.from(row.value, 'hex'), Buffer.from(hashToken(token), 'hex'));
}

/** Tokens are 256 random bits, so a plain hash keeps them as well as a slow one. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
