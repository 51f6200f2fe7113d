// Files below the mounted root of a restored system. It is foreign: none of its links is followed, since one could lead out of it.
import { constants, type Stats } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import path from 'node:path';

const maxFileBytes = 256 * 1024;

export class RootFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** The text of a file, or null where there is none. @throws when it is no plain file, or larger than 256 KiB */
  async read(file: string): Promise<string | null> {
    const found = await this.#find(file);
    if (found === null) return null;
    if (!found.isFile()) throw new Error(`${file} is no plain file`);
    if (found.size > maxFileBytes) throw new Error(`${file} is larger than ${maxFileBytes} bytes`);
    await using handle = await open(this.#at(file), constants.O_RDONLY | constants.O_NOFOLLOW);
    return await handle.readFile('utf8');
  }

  /** What stands there; null where nothing does. */
  async kindOf(file: string): Promise<'file' | 'link' | 'other' | null> {
    const found = await this.#find(file);
    if (found === null) return null;
    if (found.isSymbolicLink()) return 'link';
    return found.isFile() ? 'file' : 'other';
  }

  /** Overwrites a file where it is, so that its owner, mode and labels stay. @throws when it is not there, or another name of it is */
  async overwrite(file: string, text: string): Promise<void> {
    const found = await this.#find(file);
    if (!found?.isFile()) throw new Error(`${file} is no plain file`);
    if (found.nlink > 1) throw new Error(`${file} has ${found.nlink} names`);
    await this.#write(file, text, constants.O_WRONLY | constants.O_TRUNC);
  }

  /** Makes a file that anybody may read, in a folder that is there. @throws when it is there already */
  async create(file: string, text: string): Promise<void> {
    if ((await this.#find(file)) !== null) throw new Error(`${file} is there already`);
    await this.#write(file, text, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL);
  }

  async #write(file: string, text: string, flags: number): Promise<void> {
    await using handle = await open(this.#at(file), flags | constants.O_NOFOLLOW, 0o644);
    await handle.writeFile(text);
    await handle.sync();
  }

  #at(file: string): string {
    return path.join(this.#root, file);
  }

  /** What `file` is; every folder on the way has to be one. */
  async #find(file: string): Promise<Stats | null> {
    const names = file.split('/').filter((name) => name !== '');
    if (names.includes('..')) throw new Error(`${file} leads out of the root`);
    for (let n = 1; n <= names.length; n++) {
      const part = names.slice(0, n).join('/');
      const found = await lstat(this.#at(part)).catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code === 'ENOENT') return null;
        throw thrown;
      });
      if (found === null || n === names.length) return found;
      if (!found.isDirectory()) throw new Error(`/${part} is no folder`);
    }
    return null;
  }
}
