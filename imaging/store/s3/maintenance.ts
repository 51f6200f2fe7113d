// Looking after an S3 store: its listing, its manifests, and what is moved aside (docs/format.md, "S3 store").
import { randomUUID } from 'node:crypto';
import { DeployError } from '../../../protocol/errors.ts';
import { maxStoredBytes } from '../../chunk/stored-chunk.ts';
import { maxManifestBytes } from '../../manifest/signed-json.ts';
import type { Digest } from '../chunk-store.ts';
import { chunkNotFound } from '../manifest-entry.ts';
import type { ChunkInfo, LeftOver, Quarantine, StoredManifest, StoreMaintenance } from '../store-maintenance.ts';
import type { S3Bucket } from './bucket.ts';
import { inParallel, requestsAtOnce } from './in-parallel.ts';
import type { S3Object } from './listing.ts';
import { chunkKey, damagedKey, digestIn, folders } from './object-keys.ts';
import { S3Quarantine } from './quarantine.ts';

export class S3Maintenance implements StoreMaintenance {
  readonly #bucket: S3Bucket;
  readonly #label: string;

  constructor(bucket: S3Bucket, label: string) {
    this.#bucket = bucket;
    this.#label = label;
  }

  /** What the service gives a new object, from where listings give the times of chunks. */
  async readClock(signal?: AbortSignal): Promise<number> {
    const key = folders.clock + randomUUID();
    await this.#bucket.put(key, new Uint8Array(), { signal });
    try {
      const { objects } = await this.#bucket.page(key, '', { signal });
      const [probe] = objects;
      if (probe !== undefined) return probe.modifiedMs;
      throw new DeployError('server-error', `${this.#label}: an object that was put is not listed`);
    } finally {
      await this.#bucket.remove(key);
    }
  }

  async *listChunks(options: { select?: (digest: Digest) => boolean; signal?: AbortSignal } = {}) {
    for await (const chunk of this.#listIn(folders.chunks, options.signal)) {
      if (options.select?.(chunk.digest) ?? true) yield chunk;
    }
  }

  async *readManifests(signal?: AbortSignal): AsyncGenerator<StoredManifest> {
    // In this order: a manifest moves from the first place to the second, and must be met in one of them.
    for (const folder of [folders.announced, folders.images]) {
      let some: S3Object[] = [];
      for await (const object of this.#bucket.list(folder, { signal })) {
        if (!object.key.endsWith('.json')) continue;
        some.push(object);
        const bytes = some.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        if (some.length < requestsAtOnce && bytes < maxManifestBytes) continue;
        yield* await this.#readSome(some, folder, signal);
        some = [];
      }
      yield* await this.#readSome(some, folder, signal);
    }
  }

  async #readSome(objects: readonly S3Object[], folder: string, signal: AbortSignal | undefined) {
    const read = await inParallel(objects, signal, async ({ key }): Promise<StoredManifest[]> => {
      const bytes = await this.#bucket.get(key, maxManifestBytes, { signal });
      if (bytes === null) return [];
      return [{ place: `${this.#label}/${key}`, announced: folder === folders.announced, bytes }];
    });
    return read.flat();
  }

  openQuarantine(): Quarantine {
    return new S3Quarantine(this.#bucket);
  }

  async setAside(digests: readonly Digest[], signal?: AbortSignal): Promise<void> {
    await inParallel(digests, signal, (digest) => this.#setAside(digest));
  }

  async getSetAside(digest: Digest, signal?: AbortSignal): Promise<Buffer> {
    const stored = await this.#bucket.get(damagedKey(digest), maxStoredBytes, { signal });
    if (stored === null) throw chunkNotFound(digest, this.#label);
    return stored;
  }

  async #setAside(digest: Digest): Promise<void> {
    const before = await this.#bucket.look(chunkKey(digest));
    if (before === null || !(await this.#bucket.copy(chunkKey(digest), damagedKey(digest)))) return;
    // Somebody may have put it anew since it was found damaged: what is deleted must be what was copied.
    const after = await this.#bucket.look(chunkKey(digest));
    const isSame = after?.modifiedMs === before.modifiedMs && after.sizeBytes === before.sizeBytes;
    await this.#bucket.remove(isSame ? chunkKey(digest) : damagedKey(digest));
  }

  listSetAside(signal?: AbortSignal): AsyncIterable<ChunkInfo> {
    return this.#listIn(folders.damaged, signal);
  }

  async deleteSetAside(digests: readonly Digest[], signal?: AbortSignal): Promise<void> {
    await inParallel(digests, signal, (digest) => this.#bucket.remove(damagedKey(digest)));
  }

  async *listLeftOver(signal?: AbortSignal): AsyncGenerator<LeftOver> {
    for (const folder of [folders.announced, folders.clock]) {
      for await (const { key, modifiedMs } of this.#bucket.list(folder, { signal })) {
        yield { place: `${this.#label}/${key}`, modifiedMs };
      }
    }
  }

  async deleteLeftOver(place: string, signal?: AbortSignal): Promise<void> {
    const key = place.slice(this.#label.length + 1);
    if (!place.startsWith(`${this.#label}/`) || !/^(announced|clock)\//.test(key)) {
      throw new DeployError('invalid-input', `${place} is nothing left over in the store ${this.#label}`);
    }
    await this.#bucket.remove(key, { signal });
  }

  async *#listIn(folder: string, signal: AbortSignal | undefined): AsyncGenerator<ChunkInfo> {
    for await (const { key, sizeBytes, modifiedMs } of this.#bucket.list(folder, { signal })) {
      const digest = digestIn(folder, key);
      if (digest !== null && sizeBytes > 0) yield { digest, storedBytes: sizeBytes, modifiedMs };
    }
  }
}
