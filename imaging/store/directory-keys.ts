// The wrapped keys of a directory store: small files in keys/, written whole or not at all.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { errnoOf } from '../chunk/device-io.ts';
import { checkKeyObject, isKeyId, maxKeyObjectBytes, maxKeyObjects } from '../crypt/key-object.ts';
import { syncDirectory } from './directory-files.ts';
import { keyExists, keyNotFound } from './key-errors.ts';
import { storeError } from './store-error.ts';

export class DirectoryKeys {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async put(id: string, key: Uint8Array): Promise<void> {
    checkKeyObject(id, key);
    const directory = path.join(this.#root, 'keys');
    const temporary = path.join(this.#root, 'tmp', randomUUID());
    try {
      // A store made before there was encryption has no such directory.
      await fs.mkdir(directory, { recursive: true });
      await fs.writeFile(temporary, key, { flag: 'wx', mode: 0o600, flush: true });
      await fs.link(temporary, this.#pathOf(id)).catch((thrown: unknown) => this.#acceptSame(id, key, thrown));
      await syncDirectory(this.#root, directory);
      await syncDirectory(this.#root, this.#root);
    } catch (thrown) {
      throw storeError(this.#root, 'writing a key', thrown);
    } finally {
      await fs.rm(temporary, { force: true });
    }
  }

  async #acceptSame(id: string, key: Uint8Array, thrown: unknown): Promise<void> {
    if (errnoOf(thrown) !== 'EEXIST') throw thrown;
    if (!(await fs.readFile(this.#pathOf(id))).equals(key)) throw keyExists(id);
  }

  /** In order of id. */
  async list(): Promise<Buffer[]> {
    try {
      const names = await fs.readdir(path.join(this.#root, 'keys'));
      const ids = names.flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -5)] : []));
      const keys: Buffer[] = [];
      for (const id of ids.filter(isKeyId).sort().slice(0, maxKeyObjects)) keys.push(await readShort(this.#pathOf(id)));
      return keys;
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return [];
      throw storeError(this.#root, 'reading the keys', thrown);
    }
  }

  async delete(id: string): Promise<void> {
    try {
      await fs.unlink(this.#pathOf(id));
      await syncDirectory(this.#root, path.join(this.#root, 'keys'));
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') throw keyNotFound(id, this.#root);
      throw storeError(this.#root, 'deleting a key', thrown);
    }
  }

  #pathOf(id: string): string {
    if (!isKeyId(id)) throw new DeployError('invalid-input', `'${id}' is not the id of a key`);
    return path.join(this.#root, 'keys', `${id}.json`);
  }
}

/** A longer file is no key; its first bytes are refused as such by whoever parses them. */
async function readShort(file: string): Promise<Buffer> {
  const handle = await fs.open(file);
  try {
    const bytes = Buffer.alloc(maxKeyObjectBytes + 1);
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
