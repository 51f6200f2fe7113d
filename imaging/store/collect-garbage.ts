// Frees what no image needs. Safe beside captures, which announce what they are about to need (docs/decisions/010-garbage-collection.md).
import { z } from 'zod';
import { throwIfCancelled } from '../cancelled.ts';
import { ChunkList, type ListedChunk } from './chunk-list.ts';
import { type ChunkStore, type Digest, isServed } from './chunk-store.ts';
import { NeededChunks } from './needed-chunks.ts';
import { type ChunkInfo, maintenanceOf, type Quarantine, type StoreMaintenance } from './store-maintenance.ts';

export type GarbageOptions = { readonly olderThanMs: number; readonly dryRun: boolean; readonly signal?: AbortSignal };

const garbageResultSchema = z.object({ chunks: z.number(), bytes: z.number(), kept: z.number() });
export type GarbageResult = Readonly<z.infer<typeof garbageResultSchema>>;

/** Nobody takes longer to write one file or object; below this not even an impatient collector touches one. */
const leftOverAfterMs = 3_600_000;
const chunksAtOnce = 1000;

/**
 * Deletes chunks and left-over files that no image needs and that nobody has put or asked for within `olderThanMs`.
 * A capture whose chunks are deleted all the same is refused at its end (chunk-not-found), never made visible with holes.
 * @throws manifest-corrupt, chunk-… when an image cannot be read: what it needs is not known then, and nothing is deleted
 */
export async function collectGarbage(store: ChunkStore, options: GarbageOptions): Promise<GarbageResult> {
  const { olderThanMs, dryRun, signal } = options;
  if (isServed(store)) {
    const task = { name: 'gc', asked: { olderThanMs, dryRun }, answer: garbageResultSchema } as const;
    return await store.runOnServer(task, signal === undefined ? {} : { signal });
  }
  const maintenance = maintenanceOf(store);
  const clockMs = await maintenance.readClock(signal);
  if (!dryRun) await deleteLeftOver(maintenance, clockMs - Math.max(olderThanMs, leftOverAfterMs));
  const needed = new NeededChunks(store);
  await needed.readAll(signal);
  const collection = new Collection(maintenance, needed, clockMs - olderThanMs, signal);
  return dryRun ? collection.count() : collection.run();
}

async function deleteLeftOver(maintenance: StoreMaintenance, beforeMs: number): Promise<void> {
  for await (const { place, modifiedMs } of maintenance.listLeftOver()) {
    if (modifiedMs <= beforeMs) await maintenance.deleteLeftOver(place);
  }
}

class Collection {
  readonly #maintenance: StoreMaintenance;
  readonly #quarantine: Quarantine;
  readonly #needed: NeededChunks;
  readonly #beforeMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #condemned = new ChunkList();
  #chunks = 0;
  #bytes = 0;
  #kept = 0;

  constructor(maintenance: StoreMaintenance, needed: NeededChunks, beforeMs: number, signal: AbortSignal | undefined) {
    this.#maintenance = maintenance;
    this.#quarantine = maintenance.openQuarantine();
    this.#needed = needed;
    this.#beforeMs = beforeMs;
    this.#signal = signal;
  }

  /** Only looks. */
  async count(): Promise<GarbageResult> {
    for await (const { storedBytes } of this.#unneeded()) {
      this.#chunks++;
      this.#bytes += storedBytes;
    }
    return this.#result();
  }

  async run(): Promise<GarbageResult> {
    try {
      await this.#condemnAll();
      await this.#quarantine.settle(this.#signal);
      await this.#needed.readAll(this.#signal);
      throwIfCancelled(this.#signal);
    } catch (thrown) {
      // Nothing is lost if this fails too: the next collection takes over what is still in quarantine.
      for (const batch of this.#condemned.batches(chunksAtOnce)) await this.#quarantine.giveBack(digestsOf(batch));
      throw thrown;
    }
    for (const batch of this.#condemned.batches(chunksAtOnce)) await this.#judge(batch);
    return this.#result();
  }

  async #condemnAll(): Promise<void> {
    for await (const chunk of this.#quarantine.adopt(this.#signal)) this.#condemned.push(chunk);
    let batch: Digest[] = [];
    for await (const { digest } of this.#unneeded()) {
      batch.push(digest);
      if (batch.length < chunksAtOnce) continue;
      await this.#take(batch);
      batch = [];
    }
    await this.#take(batch);
  }

  /** A chunk that somebody asked for, or put anew, between the listing and the taking has a new time. */
  async #take(digests: readonly Digest[]): Promise<void> {
    const taken = await this.#quarantine.take(digests, this.#signal);
    const wanted = taken.filter(({ modifiedMs }) => modifiedMs > this.#beforeMs);
    for (const chunk of taken) if (chunk.modifiedMs <= this.#beforeMs) this.#condemned.push(chunk);
    this.#kept += wanted.length;
    await this.#quarantine.giveBack(digestsOf(wanted));
  }

  /** What was announced or became an image since the first reading is needed after all. */
  async #judge(batch: readonly ListedChunk[]): Promise<void> {
    const needed = batch.filter(({ digest }) => this.#needed.has(digest));
    const garbage = batch.filter(({ digest }) => !this.#needed.has(digest));
    await this.#quarantine.giveBack(digestsOf(needed));
    await this.#quarantine.destroy(digestsOf(garbage));
    this.#kept += needed.length;
    this.#chunks += garbage.length;
    this.#bytes += garbage.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  }

  async *#unneeded(): AsyncGenerator<ChunkInfo> {
    const select = (digest: Digest) => {
      const needed = this.#needed.has(digest);
      if (needed) this.#kept++;
      return !needed;
    };
    const signal = this.#signal === undefined ? {} : { signal: this.#signal };
    for await (const chunk of this.#maintenance.listChunks({ select, ...signal })) {
      if (chunk.modifiedMs <= this.#beforeMs) yield chunk;
      else this.#kept++;
    }
  }
  #result(): GarbageResult {
    return { chunks: this.#chunks, bytes: this.#bytes, kept: this.#kept };
  }
}

function digestsOf(chunks: readonly ListedChunk[]): Digest[] {
  return chunks.map(({ digest }) => digest);
}
