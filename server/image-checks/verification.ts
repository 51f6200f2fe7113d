// Images are read again by the clock: "each every so many days" (settings), the one that has waited longest first. What is known of images that are gone is forgotten.
import { isEscrowName } from '../../imaging/manifest/image-name.ts';
import type { AskerName } from '../../protocol/askers.ts';
import { type ImageVerification, imageVerificationSchema } from '../../protocol/settings.ts';
import type { Database } from '../database/schema.ts';
import { type Images, requestImageCheck } from './image-checks.ts';

const setting = 'imageVerification';
/** Who asks, in the audit log. */
const askedBySettings: AskerName = 'settings';
const dayMs = 24 * 60 * 60 * 1000;
const keptOfEach = 20;

export async function readVerification(db: Database): Promise<ImageVerification> {
  const row = await db.selectFrom('settings').select('value').where('name', '=', setting).executeTakeFirst();
  return imageVerificationSchema.parse(row === undefined ? {} : JSON.parse(row.value));
}

export async function writeVerification(db: Database, verification: ImageVerification): Promise<void> {
  const value = JSON.stringify(verification);
  await db
    .insertInto('settings')
    .values({ name: setting, value })
    .onConflict((conflict) => conflict.column('name').doUpdateSet({ value }))
    .execute();
}

/** One at a time, when nothing else waits: whoever asks by hand is next. True when it asked for one. @throws what the store throws */
export async function requestDueImage(images: Images, nowMs: number): Promise<boolean> {
  const { db, store } = images;
  const { everyDays } = await readVerification(db);
  if (everyDays === null || (await isBusy(db))) return false;
  const read = await listNewest(db, ['passed', 'failed']);
  const tried = await listNewest(db, ['passed', 'failed', 'error', 'cancelled', 'interrupted']);
  const due = (await store.listManifests())
    .filter(({ name }) => !isEscrowName(name))
    .map(({ id, name, createdAt }) => {
      const lastMs = Date.parse(read.get(id) ?? createdAt);
      const triedMs = Date.parse(tried.get(id) ?? createdAt);
      // One that could not be told is tried again the next day; a date that lies ahead is a clock's mistake.
      const dueMs = Math.max(Math.min(lastMs, nowMs) + everyDays * dayMs, tried.has(id) ? triedMs + dayMs : 0);
      return { name, dueMs };
    })
    .filter(({ dueMs }) => dueMs <= nowMs)
    .sort((a, b) => a.dueMs - b.dueMs);
  const [first] = due;
  if (first === undefined) return false;
  await requestImageCheck(images, { image: first.name, kind: 'verify', boot: false }, askedBySettings);
  return true;
}

async function isBusy(db: Database): Promise<boolean> {
  const open = await db
    .selectFrom('imageChecks')
    .select('id')
    .where('state', 'in', ['queued', 'running'])
    .limit(1)
    .execute();
  return open.length > 0;
}

/** When the newest such check of each image was asked for, by the image's id. A proof reads everything, too. */
async function listNewest(
  db: Database,
  states: readonly ('passed' | 'failed' | 'error' | 'cancelled' | 'interrupted')[],
): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('imageChecks')
    .select(({ fn }) => ['imageId', fn.max('createdAt').as('at')])
    .where('state', 'in', states)
    .groupBy('imageId')
    .execute();
  return new Map(rows.map(({ imageId, at }) => [imageId, at]));
}

/** Of images that are not in the store any more, all; of the others those beyond the newest, but never the last verdict of a kind. */
export async function forgetOldChecks({ db, store }: Images): Promise<void> {
  const before = new Date().toISOString();
  const there = new Set((await store.listManifests()).map(({ id }) => id));
  const rows = await db
    .selectFrom('imageChecks')
    .select(['id', 'imageId', 'kind', 'state'])
    .where('state', 'not in', ['queued', 'running'])
    .where('createdAt', '<', before)
    .orderBy('id', 'desc')
    .execute();
  const seen = new Map<string, number>();
  const old = rows.filter(({ imageId, kind, state }) => {
    const [all, verdicts] = [imageId, `${imageId} ${kind}`].map((key) => seen.get(key) ?? 0);
    const isVerdict = state === 'passed' || state === 'failed';
    seen.set(imageId, (all ?? 0) + 1);
    if (isVerdict) seen.set(`${imageId} ${kind}`, (verdicts ?? 0) + 1);
    return !there.has(imageId) || ((all ?? 0) >= keptOfEach && !(isVerdict && verdicts === 0));
  });
  for (let at = 0; at < old.length; at += 500) {
    const ids = old.slice(at, at + 500).map(({ id }) => id);
    await db.deleteFrom('imageChecks').where('id', 'in', ids).execute();
  }
}
