// What the images of a store need, and the captures that are about to end: what garbage collection must leave alone.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';
import { DigestMap } from './digest-map.ts';
import { imageParts } from './image-parts.ts';
import { maintenanceOf, type StoredManifest } from './store-maintenance.ts';

export class NeededChunks {
  readonly #store: ChunkStore;
  readonly #needed = new DigestMap();
  /** Parts whose chunks are known: images share them, and manifests are read twice. Whole digests: here a mistake would lose data. */
  readonly #walked = new Set<string>();
  constructor(store: ChunkStore) {
    this.#store = store;
  }

  has(digest: Digest): boolean {
    return this.#needed.has(digest);
  }

  /**
   * Adds what every manifest needs, announced ones included. May be repeated, and then reads only what is new.
   * @throws manifest-corrupt, chunk-corrupt, chunk-not-found when a manifest or segment cannot be read
   */
  async readAll(signal?: AbortSignal): Promise<void> {
    for await (const stored of maintenanceOf(this.#store).readManifests(signal)) {
      try {
        await this.#add(stored, signal);
      } catch (thrown) {
        if (await this.#isStillThere(stored, signal)) throw explain(stored, thrown);
      }
    }
  }

  async #add({ bytes }: StoredManifest, signal: AbortSignal | undefined): Promise<void> {
    for (const part of imageParts(bytes)) {
      const own = part.own.join();
      if (this.#walked.has(own)) continue;
      for (const digest of part.own) this.#needed.set(digest, 0);
      for (const { digest } of await part.chunks(this.#store, signal)) this.#needed.set(digest, 0);
      this.#walked.add(own);
    }
  }

  /** An image that was deleted, or a capture that failed, while it was read is no reason to stop. */
  async #isStillThere({ place }: StoredManifest, signal: AbortSignal | undefined): Promise<boolean> {
    for await (const stored of maintenanceOf(this.#store).readManifests(signal)) {
      if (stored.place === place) return true;
    }
    return false;
  }
}

function explain({ place, announced }: StoredManifest, thrown: unknown): DeployError {
  const error = toDeployError(thrown).during(`reading what ${place} needs`);
  if (!announced) return error;
  return new DeployError(error.code, error.message, {
    cause: thrown,
    hint: 'A capture is ending at this moment; nothing was deleted. Try again in a minute.',
  });
}
