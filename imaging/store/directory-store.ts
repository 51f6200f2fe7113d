// A store in a directory: one file per chunk, one per manifest, each written under a temporary name and made durable before it is renamed.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { throwIfCancelled } from '../cancelled.ts';
import { errnoOf } from '../chunk/device-io.ts';
import { memoryBehind } from '../chunk/memory.ts';
import { maxStoredBytes } from '../chunk/stored-chunk.ts';
import { imageNameId } from '../manifest/image-name.ts';
import { maxManifestBytes } from '../manifest/signed-json.ts';
import { checkComplete } from './check-complete.ts';
import type { Digest, ManifestEntry, StoredChunk, StoreStats } from './chunk-store.ts';
import { chunkPathIn, inTurns, listNames, readFileIn, syncDirectory } from './directory-files.ts';
import { DirectoryKeys } from './directory-keys.ts';
import { prepareDirectory } from './directory-layout.ts';
import { announcedSuffix, DirectoryMaintenance } from './directory-maintenance.ts';
import { findInQuarantine } from './directory-quarantine.ts';
import {
  chunkNotFound,
  imageExists,
  imageNotFound,
  listWholeManifests,
  manifestEntry,
  withdrawn,
} from './manifest-entry.ts';
import { storeError } from './store-error.ts';
import type { MaintainedStore } from './store-maintenance.ts';
import { StoreThread } from './store-thread.ts';

/**
 * Opens the store in `directory`. With `create`, an absent or empty directory becomes a store.
 * @throws store-not-found, store-version, store-io, store-full
 */
export async function openDirectoryStore(directory: string, options: { create: boolean }): Promise<DirectoryStore> {
  const root = path.resolve(directory);
  await prepareDirectory(root, options.create);
  return new DirectoryStore(root);
}

/** A chunk found by `findMissing` counts as wanted: its time is renewed when older than this, so that garbage collection spares it. */
const renewAfterMs = 3_600_000;

export class DirectoryStore implements MaintainedStore {
  readonly label: string;
  readonly maintenance: DirectoryMaintenance;
  readonly #root: string;
  readonly #keys: DirectoryKeys;
  /** Fan-out directories with names that are not durable yet. */
  readonly #touched = new Set<string>();
  /** Two threads, so that no question waits behind the flushing of files. */
  readonly #writer = new StoreThread();
  readonly #finder = new StoreThread();

  constructor(root: string) {
    this.#root = root;
    this.#keys = new DirectoryKeys(root);
    this.label = root;
    this.maintenance = new DirectoryMaintenance(root);
  }

  async findMissing(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]> {
    throwIfCancelled(signal);
    const files = digests.map((digest) => this.chunkPath(digest));
    const request = { label: this.label, files, renewBeforeMs: Date.now() - renewAfterMs };
    const { found } = await this.#finder.ask('findFiles', request);
    return digests.filter((_, i) => !found[i]);
  }

  async putChunks(chunks: readonly StoredChunk[], signal?: AbortSignal): Promise<void> {
    throwIfCancelled(signal);
    const files = chunks.map(({ digest, stored, disposable }) => ({
      temporary: this.#temporaryPath(),
      file: this.chunkPath(digest),
      bytes: disposable === true ? stored : Uint8Array.from(stored),
    }));
    const memory = memoryBehind(files.map(({ bytes }) => bytes));
    await this.#writer.ask('makeFiles', { label: this.label, files }, memory);
    for (const { file } of files) this.#touched.add(path.dirname(file));
  }

  async getChunk(digest: Digest, signal?: AbortSignal): Promise<Buffer> {
    throwIfCancelled(signal);
    const stored = (await this.#readChunk(digest)) ?? (await this.#readCondemned(digest));
    if (stored === null) throw chunkNotFound(digest, this.label);
    return stored;
  }

  #readChunk(digest: Digest): Promise<Buffer | null> {
    return readFileIn(this.label, this.chunkPath(digest), maxStoredBytes);
  }

  /** Garbage collection may just have it in hand, and gives it back when an image that appeared meanwhile names it. */
  async #readCondemned(digest: Digest): Promise<Buffer | null> {
    const file = await findInQuarantine(this.#root, digest);
    const condemned = file === null ? null : await readFileIn(this.label, file, maxStoredBytes);
    return condemned ?? this.#readChunk(digest);
  }

  async flush(): Promise<void> {
    const touched = [...this.#touched];
    this.#touched.clear();
    await inTurns(touched, undefined, (directory) => syncDirectory(this.label, directory));
  }

  async putManifest(name: string, manifest: Uint8Array, signal?: AbortSignal): Promise<void> {
    const entry = manifestEntry(name, manifest);
    // From here on garbage collection knows what this image needs; so what is looked for after this, stays.
    const announced = await this.#announce(manifest);
    try {
      await checkComplete(manifest, this, signal);
      await this.#syncChunks();
      throwIfCancelled(signal);
      // A link fails if the name is taken, which a rename would not.
      await fs.link(announced, this.#manifestPath(name));
    } catch (thrown) {
      const code = errnoOf(thrown);
      if (code === 'EEXIST') throw imageExists(entry.name, this.label);
      if (code === 'ENOENT') throw withdrawn(entry.name, this.label, thrown);
      throw storeError(this.label, 'filing the manifest', thrown);
    } finally {
      await fs.rm(announced, { force: true });
    }
    await syncDirectory(this.label, path.join(this.#root, 'images'));
  }

  async #announce(manifest: Uint8Array): Promise<string> {
    const temporary = await this.#writeTemporary(manifest);
    const announced = temporary + announcedSuffix;
    await this.#orRemove(temporary, () => fs.rename(temporary, announced));
    return announced;
  }

  /** Also what another capture has just put and this image shares with it must survive a power cut. */
  async #syncChunks(): Promise<void> {
    const chunks = path.join(this.#root, 'chunks');
    for (const prefix of await listNames(this.label, chunks)) this.#touched.add(path.join(chunks, prefix));
    await this.flush();
  }

  async getManifest(name: string): Promise<Buffer> {
    const bytes = await readFileIn(this.label, this.#manifestPath(name), maxManifestBytes);
    if (bytes === null) throw imageNotFound(name, this.label);
    return bytes;
  }

  listManifests(signal?: AbortSignal): Promise<ManifestEntry[]> {
    return listWholeManifests(this.maintenance, signal);
  }

  async deleteManifest(name: string): Promise<void> {
    try {
      await fs.unlink(this.#manifestPath(name));
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') throw imageNotFound(name, this.label);
      throw storeError(this.label, `deleting '${name}'`, thrown);
    }
    await syncDirectory(this.label, path.join(this.#root, 'images'));
  }

  /** Counts files: takes a while in a large store. */
  async stats(signal?: AbortSignal): Promise<StoreStats> {
    let chunks = 0;
    let storedBytes = 0;
    for await (const chunk of this.maintenance.listChunks(signal === undefined ? {} : { signal })) {
      chunks++;
      storedBytes += chunk.storedBytes;
    }
    const images = await listNames(this.label, path.join(this.#root, 'images'));
    return { images: images.length, chunks, storedBytes };
  }

  putKey(id: string, key: Uint8Array): Promise<void> {
    return this.#keys.put(id, key);
  }

  listKeys(): Promise<Buffer[]> {
    return this.#keys.list();
  }

  deleteKey(id: string): Promise<void> {
    return this.#keys.delete(id);
  }

  async close(): Promise<void> {
    await Promise.all([this.#writer.close(), this.#finder.close()]);
  }

  chunkPath(digest: Digest): string {
    return chunkPathIn(this.#root, digest);
  }

  #temporaryPath(): string {
    return path.join(this.#root, 'tmp', randomUUID());
  }

  #manifestPath(name: string): string {
    return path.join(this.#root, 'images', `${imageNameId(name)}.json`);
  }

  /** Writes a durable file under a name of its own and returns its path. */
  async #writeTemporary(bytes: Uint8Array): Promise<string> {
    const file = this.#temporaryPath();
    await this.#orRemove(file, async () => {
      const handle = await fs.open(file, 'wx', 0o644);
      try {
        await handle.writeFile(bytes);
        await handle.datasync();
      } finally {
        await handle.close();
      }
    });
    return file;
  }

  async #orRemove(temporary: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      await fs.rm(temporary, { force: true }).catch(() => {});
      throw storeError(this.label, 'writing', thrown);
    }
  }
}
