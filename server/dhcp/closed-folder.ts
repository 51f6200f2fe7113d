// Can dnsmasq reach a file once it has given up root's rights?
import { stat } from 'node:fs/promises';
import path from 'node:path';

/** The first folder, from `folder` up to the root, that only its owner or group may enter; null when everyone gets through. */
export async function findClosedFolder(folder: string): Promise<string | null> {
  for (let at = path.resolve(folder); at !== path.dirname(at); at = path.dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return at;
  }
  return null;
}
