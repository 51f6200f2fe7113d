// The chunks that one image needs, found out as far as somebody asks: a restore asks in the order of its segments, and so each is read once.

import type { ChunkStore, Digest } from '../../imaging/store/chunk-store.ts';
import { DigestMap } from '../../imaging/store/digest-map.ts';
import { type ImagePart, imageParts } from '../../imaging/store/image-parts.ts';

export class ImageChunks {
  readonly #store: ChunkStore;
  readonly #known = new DigestMap();
  readonly #unread: ImagePart[];
  #reading: Promise<void> | null = null;

  /** @throws manifest-corrupt, manifest-version */
  constructor(store: ChunkStore, manifest: Uint8Array) {
    this.#store = store;
    const parts = imageParts(manifest);
    for (const { own } of parts) for (const digest of own) this.#known.set(digest, 0);
    this.#unread = parts.reverse();
  }

  /** @throws chunk-not-found, chunk-corrupt, manifest-corrupt: the image is damaged; and the errors of the store. */
  async has(digest: Digest): Promise<boolean> {
    while (!this.#known.has(digest)) {
      if (this.#unread.length === 0) return false;
      this.#reading ??= this.#readOne().finally(() => {
        this.#reading = null;
      });
      await this.#reading;
    }
    return true;
  }

  async #readOne(): Promise<void> {
    const part = this.#unread.at(-1);
    if (part === undefined) return;
    for (const { digest } of await part.chunks(this.#store)) this.#known.set(digest, 0);
    this.#unread.pop();
  }
}
