// One token for each boot of a machine: given out in its boot script, bound to the boot id that uses it first.
import { randomBytes } from 'node:crypto';
import { DeployError } from '../../protocol/errors.ts';
import type { Database } from '../database/schema.ts';
import { hashToken } from './operator-token.ts';

const unusedLifeMs = 60 * 60 * 1000;
/** Of a machine's tokens; boot scripts are public, so the number that one can make is bounded. */
const maxUnusedPerMachine = 16;

export async function issueBootToken(db: Database, machineId: string): Promise<string> {
  const token = `dbt_${randomBytes(24).toString('base64url')}`;
  const now = Date.now();
  await db
    .deleteFrom('bootTokens')
    .where('bootId', 'is', null)
    .where('createdAt', '<', new Date(now - unusedLifeMs).toISOString())
    .execute();
  await dropOldest(db, machineId);
  await db
    .insertInto('bootTokens')
    .values({ tokenHash: hashToken(token), machineId, createdAt: new Date(now).toISOString(), bootId: null })
    .execute();
  return token;
}

async function dropOldest(db: Database, machineId: string): Promise<void> {
  const unused = db
    .selectFrom('bootTokens')
    .select('tokenHash')
    .where('machineId', '=', machineId)
    .where('bootId', 'is', null);
  const rows = await unused.orderBy('createdAt', 'desc').execute();
  const surplus = rows.slice(maxUnusedPerMachine - 1).map((row) => row.tokenHash);
  if (surplus.length > 0) await db.deleteFrom('bootTokens').where('tokenHash', 'in', surplus).execute();
}

/**
 * The machine that the token was given to. The first use binds it to `bootId`.
 * @throws DeployError unauthorized when the token is unknown, lapsed, or bound to another boot.
 */
export async function useBootToken(db: Database, token: string, bootId: string): Promise<{ machineId: string }> {
  const tokenHash = hashToken(token);
  const row = await db.selectFrom('bootTokens').selectAll().where('tokenHash', '=', tokenHash).executeTakeFirst();
  if (row === undefined) throw refused('the token is not known (any more)');
  if (row.bootId === bootId) return row;
  if (row.bootId !== null) throw refused('the boot token was used by another boot');
  if (Date.parse(row.createdAt) < Date.now() - unusedLifeMs) throw refused('the boot token has lapsed');
  const { numUpdatedRows } = await db
    .updateTable('bootTokens')
    .set({ bootId })
    .where('tokenHash', '=', tokenHash)
    .where('bootId', 'is', null)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) throw refused('the boot token was used by another boot');
  return row;
}

/** A machine runs one boot at a time: the tokens that earlier boots used are void once a new one has said hello. */
export async function revokeOtherBoots(db: Database, machineId: string, bootId: string): Promise<void> {
  await db
    .deleteFrom('bootTokens')
    .where('machineId', '=', machineId)
    .where('bootId', 'is not', null)
    .where('bootId', '!=', bootId)
    .execute();
}

function refused(message: string): DeployError {
  return new DeployError('unauthorized', message, { hint: 'Boot the machine again to get a new token.' });
}
