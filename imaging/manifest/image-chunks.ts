// An image's chunks by their digests, whether they are stored whole or as patches: what everything that reads content goes through.
import { joinPatched } from '../chunk/stored-chunk.ts';
import type { ChunkStore, Digest } from '../store/chunk-store.ts';
import type { Manifest } from './manifest.ts';
import { loadPatches, type Patches } from './patch-list.ts';

export type ImageChunks = Pick<ChunkStore, 'getChunk'>;

/** Reads from `store` what `manifest` names; the list of patches is fetched when it is first needed. */
export function openImageChunks(store: ImageChunks, manifest: Pick<Manifest, 'patches'>): ImageChunks {
  return manifest.patches === undefined ? store : new PatchedChunks(store, manifest);
}

class PatchedChunks implements ImageChunks {
  readonly #store: ImageChunks;
  readonly #manifest: Pick<Manifest, 'patches'>;
  #patches: Promise<Patches> | undefined;

  constructor(store: ImageChunks, manifest: Pick<Manifest, 'patches'>) {
    this.#store = store;
    this.#manifest = manifest;
  }

  /** A stored form: of one that is stored as a patch, base and patch in one, which `decodeChunk` takes like any other. */
  async getChunk(digest: Digest, signal?: AbortSignal): Promise<Buffer> {
    const patched = (await this.#load(signal)).get(digest);
    if (patched === undefined) return this.#store.getChunk(digest, signal);
    const get = (part: Digest) => this.#store.getChunk(part, signal);
    const [base, patch] = await Promise.all([get(patched.base), get(patched.patch)]);
    return joinPatched({ digest: patched.base, stored: base }, { digest: patched.patch, stored: patch });
  }

  #load(signal: AbortSignal | undefined): Promise<Patches> {
    this.#patches ??= loadPatches(this.#store, this.#manifest, signal).then(({ patches }) => patches);
    // What failed (the server was away, say) may be tried again.
    this.#patches.catch(() => {
      this.#patches = undefined;
    });
    return this.#patches;
  }
}
