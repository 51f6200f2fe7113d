// The images that a plan is about, each read once however many machines it is for.
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import type { Manifest } from '../../imaging/manifest/manifest.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';

export class PlannedImages {
  readonly store: ChunkStore;
  readonly #loading = new Map<string, Promise<Manifest>>();

  constructor(store: ChunkStore) {
    this.store = store;
  }

  /** @throws image-not-found, manifest-corrupt, store errors */
  load(name: string): Promise<Manifest> {
    const loading = this.#loading.get(name) ?? loadManifest(this.store, name);
    this.#loading.set(name, loading);
    return loading;
  }
}
