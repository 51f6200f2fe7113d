// Looking after a directory store: its listing, its manifests, and what is moved aside (docs/format.md, "Directory store").
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import { isDigest } from '../chunk/digest.ts';
import { maxStoredBytes } from '../chunk/stored-chunk.ts';
import { maxManifestBytes } from '../manifest/signed-json.ts';
import type { Digest } from './chunk-store.ts';
import { chunkPathIn, inTurns, listNames, readFileIn, unlessAbsent } from './directory-files.ts';
import { DirectoryQuarantine } from './directory-quarantine.ts';
import { chunkNotFound } from './manifest-entry.ts';
import { storeError } from './store-error.ts';
import type { ChunkInfo, LeftOver, Quarantine, StoredManifest, StoreMaintenance } from './store-maintenance.ts';

/** A manifest that is being put: in tmp/, whole, with this at the end of its name. */
export const announcedSuffix = '.manifest';
/** A damaged chunk that was moved aside: beside its place, with this at the end of its name. */
const damagedSuffix = '.damaged';

export class DirectoryMaintenance implements StoreMaintenance {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** What the file system gives a new file: over NFS, the server's clock. */
  async readClock(): Promise<number> {
    const file = path.join(this.#root, 'tmp', randomUUID());
    try {
      await fs.writeFile(file, '');
      const { mtimeMs } = await fs.stat(file);
      return mtimeMs;
    } catch (thrown) {
      throw storeError(this.#root, 'reading the clock', thrown);
    } finally {
      await fs.rm(file, { force: true }).catch(() => {});
    }
  }

  /** One readdir for each of the 256 directories, whose names are held one directory at a time. */
  async *listChunks(options: { select?: (digest: Digest) => boolean; signal?: AbortSignal } = {}) {
    const { select, signal } = options;
    for await (const { directory, prefix, names } of this.#fanOut()) {
      const wanted = names.filter((name) => isDigest(prefix + name) && (select?.(prefix + name) ?? true));
      yield* await this.#lookUp(directory, prefix, wanted, '', signal);
    }
  }

  async *readManifests(signal?: AbortSignal): AsyncGenerator<StoredManifest> {
    // In this order: a manifest moves from the first place to the second, and must be met in one of them.
    for (const [directory, suffix] of [
      ['tmp', announcedSuffix],
      ['images', '.json'],
    ] as const) {
      for (const name of await listNames(this.#root, path.join(this.#root, directory))) {
        throwIfCancelled(signal);
        if (!name.endsWith(suffix)) continue;
        const place = path.join(this.#root, directory, name);
        const bytes = await readFileIn(this.#root, place, maxManifestBytes);
        if (bytes !== null) yield { place, announced: directory === 'tmp', bytes };
      }
    }
  }

  openQuarantine(): Quarantine {
    return new DirectoryQuarantine(this.#root);
  }

  async setAside(digests: readonly Digest[], signal?: AbortSignal): Promise<void> {
    await inTurns(digests, signal, async (digest) => {
      const file = chunkPathIn(this.#root, digest);
      await unlessAbsent(this.#root, 'moving a damaged chunk aside', () => fs.rename(file, file + damagedSuffix));
    });
  }

  async getSetAside(digest: Digest): Promise<Buffer> {
    const stored = await readFileIn(this.#root, chunkPathIn(this.#root, digest) + damagedSuffix, maxStoredBytes);
    if (stored === null) throw chunkNotFound(digest, this.#root);
    return stored;
  }

  async *listSetAside(signal?: AbortSignal): AsyncGenerator<ChunkInfo> {
    for await (const { directory, prefix, names } of this.#fanOut()) {
      const marked = names.filter((name) => name.endsWith(damagedSuffix));
      const bare = marked.map((name) => name.slice(0, -damagedSuffix.length)).filter((name) => isDigest(prefix + name));
      yield* await this.#lookUp(directory, prefix, bare, damagedSuffix, signal);
    }
  }

  async deleteSetAside(digests: readonly Digest[], signal?: AbortSignal): Promise<void> {
    await inTurns(digests, signal, (digest) => this.#remove(chunkPathIn(this.#root, digest) + damagedSuffix));
  }

  async *listLeftOver(signal?: AbortSignal): AsyncGenerator<LeftOver> {
    const directory = path.join(this.#root, 'tmp');
    const files = await inTurns(await listNames(this.#root, directory), signal, async (name) => {
      const place = path.join(directory, name);
      const stats = await unlessAbsent(this.#root, 'listing', () => fs.stat(place));
      return stats === null ? [] : [{ place, modifiedMs: stats.mtimeMs }];
    });
    yield* files.flat();
  }

  async deleteLeftOver(place: string): Promise<void> {
    if (path.dirname(place) !== path.join(this.#root, 'tmp')) {
      throw new DeployError('invalid-input', `${place} is no left-over file of the store ${this.#root}`);
    }
    await this.#remove(place);
  }

  async *#fanOut(): AsyncGenerator<{ directory: string; prefix: string; names: string[] }> {
    const chunks = path.join(this.#root, 'chunks');
    for (const prefix of await listNames(this.#root, chunks)) {
      const directory = path.join(chunks, prefix);
      yield { directory, prefix, names: await listNames(this.#root, directory) };
    }
  }

  async #lookUp(
    directory: string,
    prefix: string,
    names: readonly string[],
    suffix: string,
    signal: AbortSignal | undefined,
  ): Promise<ChunkInfo[]> {
    const found = await inTurns(names, signal, async (name) => {
      const stats = await unlessAbsent(this.#root, 'listing', () => fs.stat(path.join(directory, name + suffix)));
      if (stats === null) return [];
      return [{ digest: prefix + name, storedBytes: stats.size, modifiedMs: stats.mtimeMs }];
    });
    return found.flat();
  }

  async #remove(file: string): Promise<void> {
    await unlessAbsent(this.#root, 'deleting', () => fs.unlink(file));
  }
}
