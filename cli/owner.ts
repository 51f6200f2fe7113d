// Whose files are: what root makes for a service that runs as a user of its own must be that user's.
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

type Owner = { readonly uid: number; readonly gid: number };

/** Of `place`, or, where that is missing, of the nearest folder above that is there. */
export async function findOwner(place: string): Promise<Owner> {
  return await stat(place).catch(() => findOwner(path.dirname(path.resolve(place))));
}

/** Gives `folder` and all in it to `owner`, if we are root and the owner is somebody else. */
export async function giveTo({ uid, gid }: Owner, folder: string): Promise<void> {
  if (process.getuid?.() !== 0 || uid === 0) return;
  await promisify(execFile)('chown', ['-R', '-h', `${uid}:${gid}`, folder]);
}
