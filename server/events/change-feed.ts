// What has changed in the database, whichever server changed it: the table `changes`, which triggers fill, read again and again.
import type { Context } from '../context.ts';
import type { Database, Tables } from '../database/schema.ts';

type Change = { readonly kind: Tables['changes']['kind']; readonly id: string };

/** PostgreSQL shows a row when its transaction ends, so that smaller numbers may appear after greater ones; none takes longer than this. */
const settleMs = 10_000;
/** Who has not read for so long may have missed what was removed meanwhile. */
const keepMs = 120_000;
const maxRows = 20_000;

export class ChangeFeed {
  readonly #db: Database;
  /** Up to this number everything is known. */
  #settled = 0;
  /** The greater ones that are known, and when each was seen first. */
  readonly #seen = new Map<number, number>();
  #readMs = performance.now();

  private constructor(db: Database) {
    this.#db = db;
  }

  /** Begins now: what was noted before is left out. */
  static async open(db: Database): Promise<ChangeFeed> {
    const feed = new ChangeFeed(db);
    await feed.read();
    return feed;
  }

  /** Each thing once that has changed since the last call; null when that cannot be told any more. */
  async read(): Promise<Change[] | null> {
    const nowMs = performance.now();
    const missed = nowMs - this.#readMs > keepMs;
    const rows = await this.#db
      .selectFrom('changes')
      .selectAll()
      .where('number', '>', this.#settled)
      .orderBy('number')
      .limit(maxRows)
      .execute();
    this.#readMs = nowMs;
    const fresh = rows.filter(({ number }) => !this.#seen.has(Number(number)));
    for (const { number } of fresh) this.#seen.set(Number(number), nowMs);
    const tooMany = rows.length === maxRows;
    this.#settle(tooMany ? nowMs : nowMs - settleMs);
    const things = new Map(fresh.map(({ kind, id }) => [`${kind} ${id}`, { kind, id }]));
    return missed || tooMany ? null : [...things.values()];
  }

  #settle(beforeMs: number): void {
    for (const [number, seenMs] of this.#seen) {
      if (seenMs > beforeMs) continue;
      this.#settled = Math.max(this.#settled, number);
    }
    for (const number of this.#seen.keys()) if (number <= this.#settled) this.#seen.delete(number);
  }
}

/** Removes, every so often, what was there the time before: whoever reads the feed has read it. Returns how to stop. */
export function forgetOldChanges({ db, log }: Context): () => void {
  let known = 0;
  const forget = async (): Promise<void> => {
    const { newest } = await db
      .selectFrom('changes')
      .select(({ fn }) => fn.max('number').as('newest'))
      .executeTakeFirstOrThrow();
    if (known > 0) await db.deleteFrom('changes').where('number', '<=', known).execute();
    known = Number(newest ?? 0);
  };
  const timer = setInterval(
    () => void forget().catch((err: Error) => log.error({ err }, 'old changes were not removed')),
    keepMs,
  );
  return () => clearInterval(timer);
}
