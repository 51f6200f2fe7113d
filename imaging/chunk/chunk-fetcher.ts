// What a restore gets from the store: chunks, whole or as the patches that stand for them; and how much that was.
import { type ImageChunks, openImageChunks } from '../manifest/image-chunks.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { loadPatches, type Patches } from '../manifest/patch-list.ts';
import type { ChunkStore, Digest, StoredChunk } from '../store/chunk-store.ts';

export class ChunkFetcher {
  readonly #store: ChunkStore;
  readonly #manifest: Manifest;
  readonly #chunks: ImageChunks;
  readonly #signal: AbortSignal | undefined;
  readonly #kept = new Map<Digest, Uint8Array>();
  #patches: Promise<Patches> | undefined;
  /** Compressed, as it came. */
  bytesFetched = 0;

  constructor(store: ChunkStore, manifest: Manifest, signal?: AbortSignal) {
    this.#store = store;
    this.#manifest = manifest;
    this.#chunks = openImageChunks(store, manifest);
    this.#signal = signal;
  }

  /** A stored form. With `keep` the chunk is asked for again: a slot that is held back in part is written in two steps. There are a handful of them. */
  async fetch(digest: Digest, keep: boolean): Promise<Uint8Array> {
    const kept = this.#kept.get(digest);
    if (kept !== undefined) return Uint8Array.from(kept);
    const stored = await this.#chunks.getChunk(digest, this.#signal);
    this.bytesFetched += stored.length;
    if (keep) this.#kept.set(digest, Uint8Array.from(stored));
    return stored;
  }

  /** Null for a chunk that is stored whole. */
  async fetchPatch(digest: Digest): Promise<StoredChunk | null> {
    const patch = (await this.#loadPatches()).get(digest)?.patch;
    return patch === undefined ? null : { digest: patch, stored: await this.fetch(patch, false) };
  }

  #loadPatches(): Promise<Patches> {
    this.#patches ??= loadPatches(this.#store, this.#manifest, this.#signal).then(({ patches, bytesFetched }) => {
      this.bytesFetched += bytesFetched;
      return patches;
    });
    return this.#patches;
  }
}
