// Looks for many chunks in a bucket: one by one, or by listing where they lie so close that each page tells of many.
import type { Digest } from '../chunk-store.ts';
import type { S3Bucket } from './bucket.ts';
import { inParallel } from './in-parallel.ts';
import type { S3Object } from './listing.ts';
import { chunkKey, digestIn, folders } from './object-keys.ts';

/** A page takes as long as so many single requests, sixteen at a time (measured: docs/decisions/012-s3-store.md). */
const pageIsWorth = 100;
const keysPerPage = 1000;

export class ChunkFinder {
  readonly #bucket: S3Bucket;
  /** How many chunks the store seems to hold, by the pages seen so far. */
  #chunksInStore = 0;

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket;
  }

  /** Those of `digests` that are there. An empty object counts as missing. */
  async find(digests: readonly Digest[], signal?: AbortSignal): Promise<Map<Digest, S3Object>> {
    const found = new Map<Digest, S3Object>();
    const note = (digest: Digest, object: S3Object | null) => {
      if (object !== null && object.sizeBytes > 0) found.set(digest, object);
    };
    let rest = [...new Set(digests)].sort();
    while (this.#isListingWorthIt(rest)) rest = await this.#listFrom(rest, note, signal);
    await inParallel(rest, signal, async (digest) =>
      note(digest, await this.#bucket.look(chunkKey(digest), { signal })),
    );
    return found;
  }

  /** Digests are spread evenly, so that the share of them that a page tells of is known beforehand. */
  #isListingWorthIt(sorted: readonly Digest[]): boolean {
    const [first] = sorted;
    if (first === undefined || sorted.length < pageIsWorth) return false;
    const pages = (this.#chunksInStore * (1 - positionOf(first))) / keysPerPage;
    return sorted.length >= pageIsWorth * pages;
  }

  /** One page from the first of `sorted` on; returns those beyond it. */
  async #listFrom(
    sorted: readonly Digest[],
    note: (digest: Digest, object: S3Object) => void,
    signal: AbortSignal | undefined,
  ): Promise<Digest[]> {
    const wanted = new Set(sorted);
    const first = sorted[0] as Digest;
    // What is one digit shorter comes right before it.
    const { objects, isLast } = await this.#bucket.page(folders.chunks, chunkKey(first).slice(0, -1), { signal });
    for (const object of objects) {
      const digest = digestIn(folders.chunks, object.key);
      if (digest !== null && wanted.has(digest)) note(digest, object);
    }
    const lastKey = isLast ? undefined : objects.at(-1)?.key;
    const end = lastKey === undefined ? 1 : positionOf(lastKey.slice(folders.chunks.length).replace('/', ''));
    this.#chunksInStore = objects.length / Math.max(end - positionOf(first), 2 ** -32);
    return lastKey === undefined ? [] : sorted.filter((digest) => chunkKey(digest) > lastKey);
  }
}

/** Where a digest lies among all possible ones, from 0 to 1; a foreign key's is near enough. */
function positionOf(digest: string): number {
  return (Number.parseInt(digest.slice(0, 12), 16) || 0) / 2 ** 48;
}
