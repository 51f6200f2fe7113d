// All or nothing, and as if nobody else were there: what SQLite does anyway, and PostgreSQL when it is asked to.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from './schema.ts';

/** PostgreSQL's words for "somebody else was there; do it again": serialization_failure, deadlock_detected. */
const again: ReadonlySet<string> = new Set(['40001', '40P01']);
const maxTries = 20;
const pauseMs = 20;

/** `work` may be run several times, and only the last counts: it does nothing but ask and tell the database. */
export async function transact<T>(db: Database, work: (transaction: Database) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await db.transaction().setIsolationLevel('serializable').execute(work);
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
      if (!again.has(code) || attempt === maxTries) throw thrown;
    }
    await sleep(Math.random() * pauseMs * attempt);
  }
}

const turns = new WeakMap<Database, Promise<unknown>>();

/**
 * The same, one after the other within this server: for what a whole room of machines does at once, all on the same tables. Side by side they
 * would refuse each other until none is left to try.
 */
export function transactInTurn<T>(db: Database, work: (transaction: Database) => Promise<T>): Promise<T> {
  const mine = (turns.get(db) ?? Promise.resolve()).then(() => transact(db, work));
  turns.set(
    db,
    mine.catch(() => undefined),
  );
  return mine;
}
