// Chunks of an S3 store that garbage collection has taken out of sight. S3 cannot rename: each is copied, within the service, and deleted.
import { randomUUID } from 'node:crypto';
import type { Digest } from '../chunk-store.ts';
import type { ChunkInfo, Quarantine } from '../store-maintenance.ts';
import type { S3Bucket } from './bucket.ts';
import { inParallel } from './in-parallel.ts';
import { chunkKey, condemnedKey, digestIn, folders } from './object-keys.ts';

export class S3Quarantine implements Quarantine {
  readonly #bucket: S3Bucket;
  /** Of this quarantine alone: collectors that meet hold a copy each, and destroy only their own. */
  readonly #id = randomUUID();

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  async take(digests: readonly Digest[], signal?: AbortSignal): Promise<ChunkInfo[]> {
    return (await inParallel(digests, signal, (digest) => this.#take(digest))).flat();
  }

  /** Cut off after any step, the chunk is in sight or in quarantine or both. */
  async #take(digest: Digest): Promise<ChunkInfo[]> {
    const own = condemnedKey(digest, this.#id);
    if (!(await this.#bucket.copy(chunkKey(digest), own))) return [];
    // As late as can be: who asks for the chunk after this finds it missing at the end of the capture, before it is an image.
    const chunk = await this.#bucket.look(chunkKey(digest));
    if (chunk === null) {
      // Another collector was faster and holds a copy of its own.
      await this.#bucket.remove(own);
      return [];
    }
    await this.#bucket.remove(chunkKey(digest));
    return [{ digest, storedBytes: chunk.sizeBytes, modifiedMs: chunk.modifiedMs }];
  }

  async *adopt(signal?: AbortSignal): AsyncGenerator<ChunkInfo> {
    for await (const { key, sizeBytes, modifiedMs } of this.#bucket.list(folders.condemned, { signal })) {
      const digest = digestIn(folders.condemned, key);
      if (digest === null || key === condemnedKey(digest, this.#id)) continue;
      if (!(await this.#bucket.copy(key, condemnedKey(digest, this.#id)))) continue;
      await this.#bucket.remove(key);
      yield { digest, storedBytes: sizeBytes, modifiedMs };
    }
  }

  /** Nothing to wait for: every answer of S3 tells of all that was answered before (docs/operations/stores.md says what is asked of a service). */
  async settle(): Promise<void> {}

  async giveBack(digests: readonly Digest[], signal?: AbortSignal): Promise<void> {
    await inParallel(digests, signal, async (digest) => {
      const own = condemnedKey(digest, this.#id);
      if ((await this.#bucket.look(chunkKey(digest))) === null) await this.#bucket.copy(own, chunkKey(digest));
      await this.#bucket.remove(own);
    });
  }

  async destroy(digests: readonly Digest[], signal?: AbortSignal): Promise<void> {
    await inParallel(digests, signal, (digest) => this.#bucket.remove(condemnedKey(digest, this.#id)));
  }
}

/** The key under which some collector holds the chunk just now, or null. */
export async function findCondemned(bucket: S3Bucket, digest: Digest, signal?: AbortSignal): Promise<string | null> {
  const { objects } = await bucket.page(condemnedKey(digest, ''), '', { signal });
  return objects[0]?.key ?? null;
}
