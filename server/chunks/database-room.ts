// Images may not fill the file system that the database lies on, too: jobs could not be reported any more, nor images be deleted.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { isS3Location } from '../../imaging/store/s3/location.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { ServerConfig } from '../config.ts';
import { describeRoom, minFreeBytes, readFreeBytes } from '../health/room.ts';

export class DatabaseRoom {
  /** Null where store and database are apart. */
  readonly #shared: string | null;

  private constructor(shared: string | null) {
    this.#shared = shared;
  }

  /** Both must be there. */
  static async open({
    database,
    storeLocation,
  }: Pick<ServerConfig, 'database' | 'storeLocation'>): Promise<DatabaseRoom> {
    if (database.kind !== 'sqlite' || isS3Location(storeLocation)) return new DatabaseRoom(null);
    const [ofDatabase, ofStore] = await Promise.all([stat(path.dirname(database.path)), stat(storeLocation)]);
    return new DatabaseRoom(ofDatabase.dev === ofStore.dev ? storeLocation : null);
  }

  /** Before anything large is written into the store. @throws DeployError store-full */
  async require(): Promise<void> {
    if (this.#shared === null) return;
    const freeBytes = await readFreeBytes(this.#shared);
    if (freeBytes >= minFreeBytes) return;
    const kept = `${describeRoom(freeBytes)} of room left, which are kept for the database beside it`;
    throw new DeployError('store-full', `the store ${this.#shared} has ${kept}`, {
      hint: 'Make room (`deploy-os image delete`, then `deploy-os store gc`), enlarge its file system, or put the images on another (--store), and start again: what is stored is not sent twice.',
    });
  }
}
