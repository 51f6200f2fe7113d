// A store in a bucket of any S3-compatible service: one object per chunk, one per manifest (docs/format.md, "S3 store").
import { randomUUID } from 'node:crypto';
import { maxStoredBytes } from '../chunk/stored-chunk.ts';
import { maxManifestBytes } from '../manifest/signed-json.ts';
import { checkComplete } from './check-complete.ts';
import type { Digest, ManifestEntry, StoredChunk, StoreStats } from './chunk-store.ts';
import {
  chunkNotFound,
  imageExists,
  imageNotFound,
  listWholeManifests,
  manifestEntry,
  withdrawn,
} from './manifest-entry.ts';
import { S3Bucket } from './s3/bucket.ts';
import { S3Client, type S3ClientOptions } from './s3/client.ts';
import { ExclusivePut } from './s3/exclusive-put.ts';
import { ChunkFinder } from './s3/find-chunks.ts';
import { inParallel, requestsAtOnce } from './s3/in-parallel.ts';
import type { S3Location } from './s3/location.ts';
import { S3Maintenance } from './s3/maintenance.ts';
import { chunkKey, folders, imageKey } from './s3/object-keys.ts';
import { prepareBucket } from './s3/prepare.ts';
import { findCondemned } from './s3/quarantine.ts';
import { S3Keys } from './s3/wrapped-keys.ts';
import type { MaintainedStore } from './store-maintenance.ts';

export type S3StoreOptions = Partial<S3ClientOptions> & {
  /** Make the store if there is nothing below the prefix; the bucket must exist. */
  readonly create: boolean;
};

/**
 * Opens the store at `location`. Operations wait `retryForMs` (15 minutes unless told) for a service that is away.
 * @throws store-not-found, store-version, server-unreachable, server-untrusted, unauthorized, forbidden, clock-skewed, usage (another region)
 */
export async function openS3Store(location: S3Location, options: S3StoreOptions): Promise<S3Store> {
  const { create, ...given } = options;
  const client = new S3Client(location, {
    ...{ retryForMs: 15 * 60_000, maxSockets: requestsAtOnce, idleTimeoutMs: 60_000 },
    ...given,
  });
  try {
    const bucket = new S3Bucket(client, location);
    await prepareBucket(bucket, location, create);
    return new S3Store(client, bucket, location);
  } catch (thrown) {
    client.close();
    throw thrown;
  }
}

/** A chunk found by `findMissing` counts as wanted: its time is renewed when older than this, so that garbage collection spares it. */
const renewAfterMs = 3_600_000;

/** Garbage collection lets an announced manifest be for an hour: one that took longer to check is announced anew. */
const announcedForMs = 30 * 60_000;
/** And this is how long a manifest's last step may wait for the service: together less than that hour. */
const filingRetryForMs = 10 * 60_000;

export class S3Store implements MaintainedStore {
  readonly label: string;
  readonly maintenance: S3Maintenance;
  readonly #client: S3Client;
  readonly #bucket: S3Bucket;
  readonly #finder: ChunkFinder;
  readonly #exclusive: ExclusivePut;
  readonly #keys: S3Keys;

  constructor(client: S3Client, bucket: S3Bucket, location: S3Location) {
    this.label = location.label;
    this.maintenance = new S3Maintenance(bucket, location.label);
    this.#client = client;
    this.#bucket = bucket;
    this.#finder = new ChunkFinder(bucket);
    this.#exclusive = new ExclusivePut(bucket, location);
    this.#keys = new S3Keys(bucket, this.#exclusive, location.label);
  }

  async findMissing(digests: readonly Digest[], signal?: AbortSignal): Promise<Digest[]> {
    const found = await this.#finder.find(digests, signal);
    const old = [...found].filter(([, { modifiedMs }]) => Date.now() - modifiedMs > renewAfterMs);
    await inParallel(old, signal, async ([digest]) => {
      const key = chunkKey(digest);
      if (!(await this.#bucket.copy(key, key, { signal }))) found.delete(digest);
    });
    return digests.filter((digest) => !found.has(digest));
  }

  async putChunks(chunks: readonly StoredChunk[], signal?: AbortSignal): Promise<void> {
    await inParallel(chunks, signal, ({ digest, stored }) => this.#bucket.put(chunkKey(digest), stored, { signal }));
  }

  async getChunk(digest: Digest, signal?: AbortSignal): Promise<Buffer> {
    const chunk = await this.#getChunk(chunkKey(digest), signal);
    const stored = chunk ?? (await this.#getCondemned(digest, signal));
    if (stored === null) throw chunkNotFound(digest, this.label);
    return stored;
  }

  #getChunk(key: string, signal: AbortSignal | undefined): Promise<Buffer | null> {
    return this.#bucket.get(key, maxStoredBytes, { signal });
  }

  /** Garbage collection may just have it in hand, and gives it back when an image that appeared meanwhile names it. */
  async #getCondemned(digest: Digest, signal: AbortSignal | undefined): Promise<Buffer | null> {
    const key = await findCondemned(this.#bucket, digest, signal);
    const condemned = key === null ? null : await this.#getChunk(key, signal);
    return condemned ?? this.#getChunk(chunkKey(digest), signal);
  }

  /** Nothing to do: S3 answers a put when it is durable. */
  async flush(): Promise<void> {}

  async putManifest(name: string, manifest: Uint8Array, signal?: AbortSignal): Promise<void> {
    const entry = manifestEntry(name, manifest);
    await this.#exclusive.test();
    // From here on garbage collection knows what this image needs; so what is looked for after this, stays.
    const announced = `${folders.announced}${randomUUID()}.json`;
    try {
      await this.#announceComplete(announced, manifest, signal);
      const filing = { signal, retryForMs: filingRetryForMs };
      if (!(await this.#exclusive.put(imageKey(name), manifest, filing))) throw imageExists(entry.name, this.label);
      await this.#withdrawUnlessAnnounced(entry.name, announced);
    } finally {
      // If this fails, garbage collection finds it left over.
      await this.#bucket.remove(announced, { retryForMs: 5000 }).catch(() => {});
    }
  }

  async #announceComplete(key: string, manifest: Uint8Array, signal: AbortSignal | undefined): Promise<void> {
    // Only looked for, not renewed: what is announced is safe.
    const findMissing = async (digests: readonly Digest[]) => {
      const found = await this.#finder.find(digests, signal);
      return digests.filter((digest) => !found.has(digest));
    };
    const getChunk = (digest: Digest) => this.getChunk(digest, signal);
    const putChunks = (chunks: readonly StoredChunk[]) => this.putChunks(chunks, signal);
    for (;;) {
      const startedMs = performance.now();
      await this.#bucket.put(key, manifest, { signal });
      await checkComplete(manifest, { findMissing, getChunk, putChunks }, signal);
      if (performance.now() - startedMs < announcedForMs) return;
    }
  }

  /** A machine that slept may have been taken for dead: then its chunks are not safe, and the image goes again. */
  async #withdrawUnlessAnnounced(name: string, announced: string): Promise<void> {
    if ((await this.#bucket.look(announced)) !== null) return;
    await this.#bucket.remove(imageKey(name));
    throw withdrawn(name, this.label);
  }

  async getManifest(name: string, signal?: AbortSignal): Promise<Buffer> {
    const bytes = await this.#bucket.get(imageKey(name), maxManifestBytes, { signal });
    if (bytes === null) throw imageNotFound(name, this.label);
    return bytes;
  }

  listManifests(signal?: AbortSignal): Promise<ManifestEntry[]> {
    return listWholeManifests(this.maintenance, signal);
  }

  async deleteManifest(name: string, signal?: AbortSignal): Promise<void> {
    const key = imageKey(name);
    if ((await this.#bucket.look(key, { signal })) === null) throw imageNotFound(name, this.label);
    await this.#bucket.remove(key, { signal });
  }

  /** Lists the bucket: a thousand chunks a request. */
  async stats(signal?: AbortSignal): Promise<StoreStats> {
    const stats = { images: 0, chunks: 0, storedBytes: 0 };
    for await (const { storedBytes } of this.maintenance.listChunks(signal === undefined ? {} : { signal })) {
      stats.chunks++;
      stats.storedBytes += storedBytes;
    }
    for await (const { key } of this.#bucket.list(folders.images, { signal }))
      if (key.endsWith('.json')) stats.images++;
    return stats;
  }

  putKey(id: string, key: Uint8Array, signal?: AbortSignal): Promise<void> {
    return this.#keys.put(id, key, signal);
  }

  listKeys(signal?: AbortSignal): Promise<Buffer[]> {
    return this.#keys.list(signal);
  }

  deleteKey(id: string, signal?: AbortSignal): Promise<void> {
    return this.#keys.delete(id, signal);
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}
