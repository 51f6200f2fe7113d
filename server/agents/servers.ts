// Which servers there are on this database, and where agents reach each: what an agent is told, so that it can go to another one.
import type { Context } from '../context.ts';
import type { Database } from '../database/schema.ts';

/** A server that has said nothing for so long may come back: agents that know it still try it. */
const heardWithinMs = 60_000;
const maxTold = 16;

/** Says that this server is there; again every few seconds. One that listens everywhere and advertises nothing has no address to tell. */
export async function announceServer({ db, serverId, services }: Context): Promise<void> {
  const { url } = services;
  if (url === undefined) return;
  const heardAt = new Date().toISOString();
  await db
    .insertInto('servers')
    .values({ id: serverId, url, heardAt })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ heardAt }))
    .execute();
  // Those that an earlier start of this server left, and others long gone.
  await db
    .deleteFrom('servers')
    .where('id', '!=', serverId)
    .where((where) =>
      where.or([where('url', '=', url), where('heardAt', '<', new Date(Date.now() - 24 * 3_600_000).toISOString())]),
    )
    .execute();
}

export async function withdrawServer({ db, serverId }: Context): Promise<void> {
  await db.deleteFrom('servers').where('id', '=', serverId).execute();
}

export async function listServerUrls(db: Database): Promise<string[]> {
  const rows = await db
    .selectFrom('servers')
    .select('url')
    .where('heardAt', '>', new Date(Date.now() - heardWithinMs).toISOString())
    .orderBy('id')
    .limit(maxTold)
    .execute();
  return rows.map(({ url }) => url);
}
