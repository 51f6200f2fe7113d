// Many machines restore one image at about the same pace: a chunk that one of them asks for is read from the store once for all who ask within a moment.
import type { ChunkStore, Digest } from '../../imaging/store/chunk-store.ts';

const maxBytes = 64 * 2 ** 20;
/** A damaged chunk that is mended meanwhile is read anew after that. */
const keptForMs = 30_000;

type Kept = { readonly chunk: Promise<Buffer>; readonly untilMs: number; bytes: number };

export class SharedChunks {
  readonly #store: Pick<ChunkStore, 'getChunk'>;
  readonly #maxBytes: number;
  readonly #now: () => number;
  /** In the order in which they were read. */
  readonly #kept = new Map<Digest, Kept>();
  #bytes = 0;
  #sweep: NodeJS.Timeout | undefined;

  constructor(store: Pick<ChunkStore, 'getChunk'>, limitBytes = maxBytes, now = () => performance.now()) {
    this.#store = store;
    this.#maxBytes = limitBytes;
    this.#now = now;
  }

  /** The stored form. It is shared: nobody writes into it. @throws as the store's getChunk, which is asked again by the next */
  get(digest: Digest): Promise<Buffer> {
    const found = this.#kept.get(digest);
    if (found !== undefined && found.untilMs > this.#now()) return found.chunk;
    this.#drop(digest);
    const kept: Kept = { chunk: this.#store.getChunk(digest), untilMs: this.#now() + keptForMs, bytes: 0 };
    this.#kept.set(digest, kept);
    this.#sweepLater();
    kept.chunk.then(
      ({ length }) => {
        if (this.#kept.get(digest) !== kept) return;
        kept.bytes = length;
        this.#bytes += length;
        this.#makeRoom();
      },
      () => {
        if (this.#kept.get(digest) === kept) this.#drop(digest);
      },
    );
    return kept.chunk;
  }

  /** What nobody asks for any more takes no memory. */
  #sweepLater(): void {
    this.#sweep ??= setTimeout(() => {
      this.#sweep = undefined;
      this.#makeRoom();
      if (this.#kept.size > 0) this.#sweepLater();
    }, keptForMs).unref();
  }

  #makeRoom(): void {
    for (const [digest, { untilMs }] of this.#kept) {
      if (this.#bytes <= this.#maxBytes && untilMs > this.#now()) break;
      this.#drop(digest);
    }
  }

  #drop(digest: Digest): void {
    this.#bytes -= this.#kept.get(digest)?.bytes ?? 0;
    this.#kept.delete(digest);
  }
}
