// Gathers new chunks into batches for the store, with a bound on the bytes that wait.
import type { ChunkStore, StoredChunk } from '../store/chunk-store.ts';
import { freeMemory } from './memory.ts';

const batchBytes = 4 * 2 ** 20;
const batchChunks = 64;
const maxBatchesUnderWay = 2;

export class UploadQueue {
  readonly #store: ChunkStore;
  readonly #signal: AbortSignal | undefined;
  readonly #underWay = new Set<Promise<void>>();
  #batch: StoredChunk[] = [];
  #batchLength = 0;
  #failure: { error: unknown } | undefined;
  /** Stored bytes handed to the store so far. */
  bytesSent = 0;

  constructor(store: ChunkStore, signal: AbortSignal | undefined) {
    this.#store = store;
    this.#signal = signal;
  }

  /** Takes over the chunk's memory; returns when there is room for more. @throws what an earlier upload threw */
  async add({ digest, stored }: StoredChunk): Promise<void> {
    this.#check();
    this.#batch.push({ digest, stored, disposable: true });
    this.#batchLength += stored.length;
    if (this.#batchLength >= batchBytes || this.#batch.length >= batchChunks) this.#send();
    while (this.#underWay.size > maxBatchesUnderWay) await Promise.race(this.#underWay);
    this.#check();
  }

  /** Sends the rest and waits until the store has accepted everything. */
  async finish(): Promise<void> {
    if (this.#batch.length > 0) this.#send();
    await Promise.all(this.#underWay);
    this.#check();
  }

  /** Waits until no upload is under way, whatever became of them. */
  async settle(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #send(): void {
    const batch = this.#batch;
    const length = this.#batchLength;
    this.#batch = [];
    this.#batchLength = 0;
    const sending: Promise<void> = this.#store
      .putChunks(batch, this.#signal)
      .then(() => {
        this.bytesSent += length;
        for (const { stored } of batch) freeMemory(stored);
      })
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#underWay.delete(sending));
    this.#underWay.add(sending);
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
