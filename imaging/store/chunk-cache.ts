// Chunks kept in a directory of this machine, of bounded size: what was fetched lately is not fetched again. It may be deleted, shared or damaged at any time.
import { randomUUID } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { digestOf } from '../chunk/digest.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';
import { storeError } from './store-error.ts';

export type CacheOptions = {
  readonly directory: string;
  /** Room for chunks; the ones that were used longest ago go first. */
  readonly maxBytes: number;
};

/** `store`, whose chunks are looked for in the cache first and kept there. @throws store-io when the directory cannot be used */
export async function openCachedStore(store: ChunkStore, options: CacheOptions): Promise<ChunkStore> {
  const cache = await ChunkCache.open(options);
  const getChunk: ChunkStore['getChunk'] = async (digest, signal) => {
    const kept = await cache.get(digest);
    if (kept !== null) return kept;
    const stored = await store.getChunk(digest, signal);
    await cache.put(digest, stored);
    return stored;
  };
  return new Proxy(store, {
    get: (target, key) => {
      if (key === 'getChunk') return getChunk;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Behind each chunk its file has this many bytes: the digest of its name and its stored form, so that damage is found whatever the form. */
const sealBytes = 64;

class ChunkCache {
  readonly #directory: string;
  readonly #maxBytes: number;
  /** Bytes of each file, the one used longest ago first. */
  readonly #files = new Map<Digest, number>();
  #bytes = 0;
  #broken = false;

  private constructor({ directory, maxBytes }: CacheOptions) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
  }

  static async open(options: CacheOptions): Promise<ChunkCache> {
    const cache = new ChunkCache(options);
    try {
      await fs.mkdir(options.directory, { recursive: true });
      await cache.#readDirectory();
    } catch (thrown) {
      throw storeError(options.directory, 'opening the cache', thrown);
    }
    return cache;
  }

  async #readDirectory(): Promise<void> {
    const found: { digest: Digest; bytes: number; usedMs: number }[] = [];
    for (const digest of (await fs.readdir(this.#directory)).filter((name) => /^[0-9a-f]{64}$/.test(name))) {
      const stats = await fs.stat(path.join(this.#directory, digest)).catch(() => null);
      if (stats !== null) found.push({ digest, bytes: stats.size, usedMs: stats.mtimeMs });
    }
    for (const { digest, bytes } of found.sort((a, b) => a.usedMs - b.usedMs)) this.#add(digest, bytes);
    await this.#evict();
  }

  /** In memory of its own, as `getChunk` gives it; null when it is not there, or damaged. */
  async get(digest: Digest): Promise<Buffer | null> {
    const file = path.join(this.#directory, digest);
    const bytes = await fs.readFile(file).catch(() => null);
    if (bytes === null) return null;
    const stored = Buffer.allocUnsafeSlow(Math.max(0, bytes.length - sealBytes));
    bytes.copy(stored, 0, 0, stored.length);
    if (bytes.toString('latin1', stored.length) !== sealOf(digest, stored)) {
      await this.#remove(digest);
      return null;
    }
    this.#add(digest, bytes.length);
    const now = Date.now() / 1000;
    await fs.utimes(file, now, now).catch(() => {});
    return stored;
  }

  /** Keeps a chunk if it can: a full disk stops the keeping, not the restore. */
  async put(digest: Digest, stored: Uint8Array): Promise<void> {
    if (this.#broken || stored.length + sealBytes > this.#maxBytes) return;
    const temporary = path.join(this.#directory, `.${randomUUID()}`);
    try {
      // Nothing is flushed: what a power cut damages is found damaged.
      await fs.writeFile(temporary, [stored, Buffer.from(sealOf(digest, stored))]);
      await fs.rename(temporary, path.join(this.#directory, digest));
      this.#add(digest, stored.length + sealBytes);
      await this.#evict();
    } catch {
      this.#broken = true;
      await fs.rm(temporary, { force: true }).catch(() => {});
    }
  }

  /** As the one used last. */
  #add(digest: Digest, bytes: number): void {
    this.#bytes += bytes - (this.#files.get(digest) ?? 0);
    this.#files.delete(digest);
    this.#files.set(digest, bytes);
  }

  async #evict(): Promise<void> {
    for (const digest of this.#files.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      await this.#remove(digest);
    }
  }

  async #remove(digest: Digest): Promise<void> {
    this.#bytes -= this.#files.get(digest) ?? 0;
    this.#files.delete(digest);
    await fs.rm(path.join(this.#directory, digest), { force: true });
  }
}

function sealOf(digest: Digest, stored: Uint8Array): string {
  return digestOf(Buffer.concat([Buffer.from(digest), stored]));
}
