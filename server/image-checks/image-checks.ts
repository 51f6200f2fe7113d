// Checks of images in the database: asked for, shown, stopped. At most one runs at a time, and each image waits for one of a kind only.
import { isSealedManifest, parseStoredManifest } from '../../imaging/crypt/sealed-manifest.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { ImageCheck, ImageCheckRequest } from '../../protocol/image-check.ts';
import type { Context } from '../context.ts';
import type { Database, ImageCheckRow } from '../database/schema.ts';
import { newId } from '../new-id.ts';

export type Images = Pick<Context, 'db' | 'store'>;

/** A store of thousands of images is better read by the clock (verification.ts) than all of it at once. */
const maxWaiting = 1000;

/**
 * The one that waits or runs already, if there is one. `isNew` tells which.
 * @throws DeployError image-not-found, manifest-corrupt, manifest-version, key-needed (to prove an encrypted image takes its key, which the server has not), too-many-requests
 */
export async function requestImageCheck(
  { db, store }: Images,
  { image, kind, boot }: ImageCheckRequest,
  requestedBy: string,
): Promise<{ check: ImageCheck; isNew: boolean }> {
  const manifest = parseStoredManifest(await store.getManifest(image));
  if (kind === 'prove' && isSealedManifest(manifest)) {
    throw new DeployError('key-needed', `'${image}' is encrypted: the server has no key to prove it with`, {
      hint: `Ask from a machine that has: deploy-os image prove '${image}' --store https://… --key-file …`,
    });
  }
  const { waiting } = await db
    .selectFrom('imageChecks')
    .where('state', '=', 'queued')
    .select(({ fn }) => fn.countAll<number | string>().as('waiting'))
    .executeTakeFirstOrThrow();
  if (Number(waiting) >= maxWaiting) {
    throw new DeployError('too-many-requests', `${waiting} checks of images are waiting already`);
  }
  const id = newId();
  await db
    .insertInto('imageChecks')
    .values({
      ...{ id, imageId: manifest.id, image: manifest.name, kind, boot: boot ? 1 : 0, state: 'queued' },
      ...{ cancelRequested: 0, requestedBy, createdAt: new Date().toISOString(), startedAt: null, endedAt: null },
      ...{ serverId: null, heardAt: null, progress: null, found: null, error: null },
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const row = await db
    .selectFrom('imageChecks')
    .selectAll()
    .where((where) =>
      where.or([
        where('id', '=', id),
        where.and({ imageId: manifest.id, kind, boot: boot ? 1 : 0 }).and('state', 'in', ['queued', 'running']),
      ]),
    )
    .orderBy('id')
    .executeTakeFirstOrThrow();
  return { check: toImageCheck(row), isNew: row.id === id };
}

/** Newest first; of one image by its name, or of all. */
export async function listImageChecks(
  db: Database,
  { image, limit }: { readonly image?: string | undefined; readonly limit: number },
): Promise<ImageCheck[]> {
  let query = db.selectFrom('imageChecks').selectAll().orderBy('id', 'desc').limit(limit);
  if (image !== undefined) query = query.where('image', '=', image);
  return (await query.execute()).map(toImageCheck);
}

/** @throws DeployError image-check-not-found */
export async function readImageCheck(db: Database, id: string): Promise<ImageCheck> {
  const row = await db.selectFrom('imageChecks').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw new DeployError('image-check-not-found', `no check ${id} of an image`);
  return toImageCheck(row);
}

/** One that runs is stopped by the server that does it, within a few seconds; one that has ended stays as it is. @throws DeployError image-check-not-found */
export async function cancelImageCheck(db: Database, id: string): Promise<ImageCheck> {
  await db
    .updateTable('imageChecks')
    .set({ state: 'cancelled', cancelRequested: 1, endedAt: new Date().toISOString() })
    .where('id', '=', id)
    .where('state', '=', 'queued')
    .execute();
  await db
    .updateTable('imageChecks')
    .set({ cancelRequested: 1 })
    .where('id', '=', id)
    .where('state', '=', 'running')
    .execute();
  return readImageCheck(db, id);
}

/** Of an image that is deleted: another one may be given its name. */
export async function forgetImageChecks(db: Database, image: string): Promise<void> {
  await db.deleteFrom('imageChecks').where('image', '=', image).where('state', '!=', 'running').execute();
}

export function toImageCheck(row: ImageCheckRow): ImageCheck {
  const { serverId: _, heardAt: __, boot, cancelRequested, progress, found, error, ...same } = row;
  return {
    ...same,
    boot: boot === 1,
    cancelRequested: cancelRequested === 1,
    progress: progress === null ? null : JSON.parse(progress),
    found: found === null ? null : JSON.parse(found),
    error: error === null ? null : JSON.parse(error),
  };
}
