// Boot profiles in the database: written by people, read at each boot.
import {
  type BootProfile,
  type BootProfileBody,
  type BootProfilePatch,
  bootProfileBodySchema,
} from '../../protocol/boot-profile.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import type { Database, Tables } from '../database/schema.ts';
import { newId } from '../new-id.ts';
import { checkProfileFiles } from './profile-files.ts';

type Place = { readonly db: Database; readonly config: ServerConfig };

/** @throws DeployError boot-profile-exists when the name is taken; invalid-input when a file is not there or is none. */
export async function createBootProfile({ db, config }: Place, body: BootProfileBody): Promise<BootProfile> {
  await checkProfileFiles(body, config);
  await requireFreeName(db, body.name, null);
  const profile = { id: newId(), ...body, createdAt: new Date().toISOString() };
  await db.insertInto('bootProfiles').values(toRow(profile)).execute();
  return profile;
}

/** In the order in which their rules are asked. */
export async function listBootProfiles(db: Database): Promise<BootProfile[]> {
  return (await db.selectFrom('bootProfiles').selectAll().orderBy('order').orderBy('name').execute()).map(toProfile);
}

/** By id or by name. @throws DeployError boot-profile-not-found */
export async function findBootProfile(db: Database, idOrName: string): Promise<BootProfile> {
  const rows = await db
    .selectFrom('bootProfiles')
    .selectAll()
    .where((where) => where.or([where('id', '=', idOrName), where('name', '=', idOrName.normalize('NFC'))]))
    .execute();
  const found = rows.find((row) => row.id === idOrName) ?? rows[0];
  if (found === undefined) throw new DeployError('boot-profile-not-found', `no boot profile '${idOrName}'`);
  return toProfile(found);
}

/** @throws DeployError boot-profile-not-found, boot-profile-exists, invalid-input */
export async function changeBootProfile(
  { db, config }: Place,
  idOrName: string,
  patch: BootProfilePatch,
): Promise<BootProfile> {
  const { id, createdAt, ...body } = await findBootProfile(db, idOrName);
  const changed = bootProfileBodySchema.parse({ ...body, ...patch });
  await checkProfileFiles(changed, config);
  await requireFreeName(db, changed.name, id);
  const profile = { id, ...changed, createdAt };
  await db.updateTable('bootProfiles').set(toRow(profile)).where('id', '=', id).execute();
  return profile;
}

/** Machines that it was set for boot as the rules say from then on. @throws DeployError boot-profile-not-found */
export async function deleteBootProfile({ db }: Place, idOrName: string): Promise<BootProfile> {
  const profile = await findBootProfile(db, idOrName);
  await db.deleteFrom('bootProfiles').where('id', '=', profile.id).execute();
  return profile;
}

async function requireFreeName(db: Database, name: string, ownId: string | null): Promise<void> {
  const other = await db
    .selectFrom('bootProfiles')
    .select('id')
    .where((where) => where.or([where('name', '=', name), where('id', '=', name)]))
    .executeTakeFirst();
  if (other === undefined || other.id === ownId) return;
  throw new DeployError('boot-profile-exists', `there is a boot profile '${name}' already`);
}

function toRow(profile: BootProfile): Tables['bootProfiles'] {
  return { ...profile, rules: JSON.stringify(profile.rules) };
}

function toProfile(row: Tables['bootProfiles']): BootProfile {
  return { ...row, rules: JSON.parse(row.rules) };
}
