// Which jobs two people must agree to: with the server's option, those that overwrite, destroy or run anything.
import type { Step } from '../../protocol/scenario.ts';
import type { Database } from '../database/schema.ts';

const setting = 'secondPerson';

/** Kept in the database, where jobs begin: all servers on it go by the one that was started last. */
export async function setSecondPersonRule(db: Database, on: boolean): Promise<void> {
  await db
    .insertInto('settings')
    .values({ name: setting, value: String(on) })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value: String(on) }))
    .execute();
}

/** A kind of step that is not known to be harmless is not. */
export async function needsSecondPerson(db: Database, steps: readonly Step[]): Promise<boolean> {
  if (steps.every(({ kind }) => kind === 'capture' || kind === 'check')) return false;
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  return row?.value === 'true';
}
