// Anybody can ask for a boot script in the name of machines that do not exist: of those that never ran an agent, and that nobody has approved, the newest are kept.
import type { Context } from '../context.ts';
import type { Database } from '../database/schema.ts';

const everyMs = 60_000;
const maxStrangers = 10_000;
/** A statement of a database takes only so many values. */
const atOnce = 500;

/** How many are gone; a machine that is there after all comes back with its next boot. */
export async function forgetStrangers(db: Database, keep = maxStrangers): Promise<number> {
  const known = await db
    .selectFrom('machines')
    .select('id')
    .where('state', '=', 'pending')
    .where('inventory', 'is', null)
    // One that was imported is waited for.
    .where('lastSeenAt', 'is not', null)
    // Somebody has plans with it.
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('jobs').select('jobs.id').whereRef('jobs.machineId', '=', 'machines.id'))),
    )
    .orderBy('lastSeenAt', 'desc')
    .execute();
  const surplus = known.slice(keep).map(({ id }) => id);
  for (let from = 0; from < surplus.length; from += atOnce) {
    await db
      .deleteFrom('machines')
      .where('id', 'in', surplus.slice(from, from + atOnce))
      .where('state', '=', 'pending')
      .where('inventory', 'is', null)
      .execute();
  }
  return surplus.length;
}

/** Again and again; returns how to stop. */
export function watchStrangers({ db, log }: Context): () => void {
  const forget = async (): Promise<void> => {
    const gone = await forgetStrangers(db);
    if (gone > 0) log.warn({ machines: gone }, 'machines that never ran an agent were forgotten: there were too many');
  };
  const timer = setInterval(
    () => void forget().catch((err: Error) => log.error({ err }, 'machines that never ran an agent were not counted')),
    everyMs,
  );
  return () => clearInterval(timer);
}
