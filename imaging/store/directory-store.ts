// A store in a directory: one file per chunk, one per manifest, each written under a temporary name and made durable before it is renamed.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import { errnoOf } from '../chunk/device-io.ts';
import { isDigest } from '../chunk/digest.ts';
import { maxStoredBytes } from '../chunk/stored-chunk.ts';
import { imageNameId } from '../manifest/image-name.ts';
import { maxManifestBytes, parseManifest } from '../manifest/manifest.ts';
import { checkComplete } from './check-complete.ts';
import type { ChunkStore, Digest, ManifestEntry, StoredChunk, StoreStats } from './chunk-store.ts';
import { prepareDirectory } from './directory-layout.ts';
import { chunkNotFound, imageExists, imageNotFound, manifestEntry, sortByName } from './manifest-entry.ts';
import { storeError } from './store-error.ts';

/**
 * Opens the store in `directory`. With `create`, an absent or empty directory becomes a store.
 * @throws store-not-found, store-version, store-io, store-full
 */
export async function openDirectoryStore(directory: string, options: { create: boolean }): Promise<DirectoryStore> {
  const root = path.resolve(directory);
  await prepareDirectory(root, options.create);
  return new DirectoryStore(root);
}

/** How many files are worked on at once; Node has four threads for it. */
const filesAtOnce = 16;

/** A chunk found by `findMissing` counts as wanted: its time is renewed when older than this, so that garbage collection spares it. */
const renewAfterMs = 3_600_000;

export class DirectoryStore implements ChunkStore {
  readonly label: string;
  readonly #root: string;
  /** Fan-out directories with names that are not durable yet. */
  readonly #touched = new Set<string>();

  constructor(root: string) {
    this.#root = root;
    this.label = root;
  }

  async findMissing(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]> {
    const present = await this.#inTurns(digests, signal, (digest) => this.#holds(digest));
    return digests.filter((_, i) => !present[i]);
  }

  async #holds(digest: Digest): Promise<boolean> {
    const file = this.chunkPath(digest);
    try {
      const { mtimeMs, size } = await fs.stat(file);
      const now = Date.now();
      if (now - mtimeMs > renewAfterMs) await fs.utimes(file, now / 1000, now / 1000);
      return size > 0;
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return false;
      throw storeError(this.label, 'looking for a chunk', thrown);
    }
  }

  async putChunks(chunks: readonly StoredChunk[], signal?: AbortSignal): Promise<void> {
    await this.#inTurns(chunks, signal, async ({ digest, stored }) => {
      const file = this.chunkPath(digest);
      const temporary = await this.#writeTemporary(stored);
      await this.#orRemove(temporary, () => fs.rename(temporary, file));
      this.#touched.add(path.dirname(file));
    });
  }

  async getChunk(digest: Digest, signal?: AbortSignal): Promise<Buffer> {
    throwIfCancelled(signal);
    const stored = await this.#readFile(this.chunkPath(digest), maxStoredBytes);
    if (stored === null) throw chunkNotFound(digest, this.label);
    return stored;
  }

  async flush(): Promise<void> {
    const touched = [...this.#touched];
    this.#touched.clear();
    await this.#inTurns(touched, undefined, (directory) => this.#syncDirectory(directory));
  }

  async putManifest(name: string, manifest: Uint8Array, signal?: AbortSignal): Promise<void> {
    const entry = manifestEntry(name, manifest);
    // Also what another capture has just put and this image shares with it must survive a power cut.
    for (const prefix of await this.#listFiles(path.join(this.#root, 'chunks'))) {
      this.#touched.add(path.join(this.#root, 'chunks', prefix));
    }
    await this.flush();
    await checkComplete(manifest, this, signal);
    throwIfCancelled(signal);
    const temporary = await this.#writeTemporary(manifest);
    try {
      // A link fails if the name is taken, which a rename would not.
      await fs.link(temporary, this.#manifestPath(name));
    } catch (thrown) {
      if (errnoOf(thrown) === 'EEXIST') throw imageExists(entry.name, this.label);
      throw storeError(this.label, 'filing the manifest', thrown);
    } finally {
      await fs.rm(temporary, { force: true });
    }
    await this.#syncDirectory(path.join(this.#root, 'images'));
  }

  async getManifest(name: string): Promise<Buffer> {
    const bytes = await this.#readFile(this.#manifestPath(name), maxManifestBytes);
    if (bytes === null) throw imageNotFound(name, this.label);
    return bytes;
  }

  /** Damaged manifests are left out; `store check` names them. */
  async listManifests(signal?: AbortSignal): Promise<ManifestEntry[]> {
    const entries: ManifestEntry[] = [];
    for (const { manifest } of await this.readManifests(signal)) {
      if (manifest instanceof DeployError) continue;
      entries.push(manifest);
    }
    return sortByName(entries);
  }

  /** Every manifest file, damaged ones with their error. */
  async readManifests(signal?: AbortSignal): Promise<{ file: string; manifest: ManifestEntry | DeployError }[]> {
    const directory = path.join(this.#root, 'images');
    const files = await this.#listFiles(directory);
    return this.#inTurns(files, signal, async (file) => {
      const bytes = await this.#readFile(path.join(directory, file), maxManifestBytes);
      return { file: path.join(directory, file), manifest: entryOf(bytes ?? Buffer.alloc(0)) };
    });
  }

  async deleteManifest(name: string): Promise<void> {
    try {
      await fs.unlink(this.#manifestPath(name));
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') throw imageNotFound(name, this.label);
      throw storeError(this.label, `deleting '${name}'`, thrown);
    }
    await this.#syncDirectory(path.join(this.#root, 'images'));
  }

  /** Counts files: takes a while in a large store. */
  async stats(signal?: AbortSignal): Promise<StoreStats> {
    let chunks = 0;
    let storedBytes = 0;
    for await (const chunk of this.listChunks(signal)) {
      chunks++;
      storedBytes += chunk.storedBytes;
    }
    const images = await this.#listFiles(path.join(this.#root, 'images'));
    return { images: images.length, chunks, storedBytes };
  }

  /** Every chunk file, a fan-out directory at a time. */
  async *listChunks(signal?: AbortSignal): AsyncGenerator<{ digest: Digest; storedBytes: number; modifiedMs: number }> {
    const chunks = path.join(this.#root, 'chunks');
    for (const prefix of await this.#listFiles(chunks)) {
      const names = (await this.#listFiles(path.join(chunks, prefix))).filter((name) => isDigest(prefix + name));
      yield* await this.#inTurns(names, signal, async (name) => {
        const { size, mtimeMs } = await fs.stat(path.join(chunks, prefix, name));
        return { digest: prefix + name, storedBytes: size, modifiedMs: mtimeMs };
      });
    }
  }

  async deleteChunk(digest: Digest): Promise<void> {
    await fs.rm(this.chunkPath(digest), { force: true });
  }

  /** Files that writers now dead left behind, and those of writers at work. */
  async listTemporary(): Promise<string[]> {
    const directory = path.join(this.#root, 'tmp');
    return (await this.#listFiles(directory)).map((name) => path.join(directory, name));
  }

  async close(): Promise<void> {}

  chunkPath(digest: Digest): string {
    if (!isDigest(digest)) throw new DeployError('invalid-input', `'${digest}' is not a digest`);
    return path.join(this.#root, 'chunks', digest.slice(0, 2), digest.slice(2));
  }

  #manifestPath(name: string): string {
    return path.join(this.#root, 'images', `${imageNameId(name)}.json`);
  }

  /** Writes a durable file under a name of its own and returns its path. */
  async #writeTemporary(bytes: Uint8Array): Promise<string> {
    const file = path.join(this.#root, 'tmp', randomUUID());
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

  async #readFile(file: string, maxBytes: number): Promise<Buffer | null> {
    try {
      const handle = await fs.open(file);
      try {
        const { size } = await handle.stat();
        if (size > maxBytes) throw new Error(`${file} is ${size} bytes long, more than ${maxBytes}`);
        return await readWhole(handle, size);
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return null;
      throw storeError(this.label, 'reading', thrown);
    }
  }

  async #syncDirectory(directory: string): Promise<void> {
    try {
      const handle = await fs.open(directory);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      throw storeError(this.label, 'flushing', thrown);
    }
  }

  async #listFiles(directory: string): Promise<string[]> {
    try {
      return (await fs.readdir(directory)).sort();
    } catch (thrown) {
      throw storeError(this.label, 'listing', thrown);
    }
  }

  async #inTurns<Item, Result>(
    items: readonly Item[],
    signal: AbortSignal | undefined,
    work: (item: Item) => Promise<Result>,
  ): Promise<Result[]> {
    const results: Result[] = [];
    for (let i = 0; i < items.length; i += filesAtOnce) {
      throwIfCancelled(signal);
      const turn = await Promise.allSettled(items.slice(i, i + filesAtOnce).map(work));
      for (const outcome of turn) {
        if (outcome.status === 'rejected') throw outcome.reason;
        results.push(outcome.value);
      }
    }
    return results;
  }
}

/** Into memory of its own, which can be handed to another thread. A file that is cut meanwhile comes out shorter. */
async function readWhole(handle: fs.FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(size);
  for (let done = 0; done < size; ) {
    const { bytesRead } = await handle.read(bytes, done, size - done, done);
    if (bytesRead === 0) return bytes.subarray(0, done);
    done += bytesRead;
  }
  return bytes;
}

function entryOf(bytes: Buffer): ManifestEntry | DeployError {
  try {
    const { name } = parseManifest(bytes);
    return manifestEntry(name, bytes);
  } catch (thrown) {
    return toDeployError(thrown, 'manifest-corrupt');
  }
}
