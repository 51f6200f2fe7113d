// Asks the store which chunks it lacks, many at once: while one question is under way, the next ones gather.
import type { ChunkStore, Digest } from '../store/chunk-store.ts';

const maxDigests = 1000;

export class MissingQuery {
  readonly #store: ChunkStore;
  readonly #signal: AbortSignal | undefined;
  #waiting: { digest: Digest; resolve(missing: boolean): void; reject(error: unknown): void }[] = [];
  #asking = false;

  constructor(store: ChunkStore, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#signal = signal;
  }

  /** Whether the store lacks the chunk. */
  isMissing(digest: Digest): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ digest, resolve, reject });
      if (!this.#asking) void this.#askAll();
    });
  }

  async #askAll(): Promise<void> {
    this.#asking = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxDigests);
      try {
        const missing = new Set(
          await this.#store.findMissing(
            batch.map(({ digest }) => digest),
            this.#signal,
          ),
        );
        for (const { digest, resolve } of batch) resolve(missing.has(digest));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#asking = false;
  }
}
