// The check of an encrypted image for whoever has no key: every sealed chunk that it needs is there, filed under its own name, with every bit as it was sealed.
// What is inside, and whether it is what the image was made of, only the key tells (verify.ts, through a store that has it).
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { BoundedTasks } from './chunk/bounded-tasks.ts';
import { ownedMemory } from './chunk/memory.ts';
import { WorkerPool } from './chunk/worker-pool.ts';
import type { SealedManifest } from './crypt/sealed-manifest.ts';
import type { RunOptions } from './progress.ts';
import { ChunkList } from './store/chunk-list.ts';
import type { ChunkStore, Digest } from './store/chunk-store.ts';
import { DigestMap } from './store/digest-map.ts';
import { listParts } from './store/image-parts.ts';
import type { VerifyProblem } from './verify.ts';

/** A chunk that is damaged or missing; where on the disk it belongs, the store does not know. */
export type SealedProblem = Pick<VerifyProblem, 'code' | 'digest' | 'message'>;

export type SealedResult = {
  readonly name: string;
  readonly bytesFetched: number;
  /** The first `maxProblems` of `problemCount`. */
  readonly problems: readonly SealedProblem[];
  readonly problemCount: number;
};

export type VerifySealedOptions = RunOptions & {
  /** As it is kept: no key in between. */
  readonly store: Pick<ChunkStore, 'getChunk'>;
  readonly workers?: number;
};

const maxProblems = 1000;

/** 25 to 74 bytes of memory for each chunk. Damage is reported, not thrown. @throws store-io, cancelled */
export async function verifySealed(manifest: SealedManifest, options: VerifySealedOptions): Promise<SealedResult> {
  const check = new SealedCheck(options);
  await check.readLists(manifest);
  await check.readChunks();
  return check.result(manifest.name);
}

class SealedCheck {
  readonly #options: VerifySealedOptions;
  readonly #known = new DigestMap();
  readonly #names = new ChunkList();
  readonly #problems: SealedProblem[] = [];
  #problemCount = 0;
  #count = 0;
  #chunksDone = 0;
  #bytesFetched = 0;

  constructor(options: VerifySealedOptions) {
    this.#options = options;
  }

  /** The names of all chunks, each once. */
  async readLists(manifest: SealedManifest): Promise<void> {
    const { store, signal } = this.#options;
    for (const { own, chunks } of listParts(manifest)) {
      const [list = ''] = own;
      await this.#unlessDamaged(list, async () => {
        for (const { digest } of await chunks(store, signal)) this.#need(digest);
      });
    }
  }

  #need(digest: Digest): void {
    if (this.#known.has(digest)) return;
    this.#known.set(digest, 0);
    this.#names.push({ digest, storedBytes: 0 });
    this.#count++;
  }

  async readChunks(): Promise<void> {
    const { signal, workers } = this.#options;
    const pool = new WorkerPool({ device: null, chunkSizeBytes: 4096 }, workers);
    const tasks = new BoundedTasks(pool.size, signal);
    try {
      try {
        for (const batch of this.#names.batches(1000)) {
          for (const { digest } of batch) {
            await tasks.start(() => this.#unlessDamaged(digest, () => this.#readChunk(pool, digest)));
          }
        }
      } finally {
        await tasks.finish();
      }
    } finally {
      await pool.close();
    }
  }

  async #readChunk(pool: WorkerPool, digest: Digest): Promise<void> {
    const { store, signal, onProgress } = this.#options;
    const stored = await store.getChunk(digest, signal);
    this.#bytesFetched += stored.length;
    // How long all of them are is known at the end.
    const bytesTotal = Math.round((this.#bytesFetched / ++this.#chunksDone) * this.#count);
    const bytesDone = this.#bytesFetched;
    onProgress?.({ phase: 'verify', bytesDone, bytesTotal, bytesTransferred: bytesDone });
    await pool.lease(({ ask }) => ask('checkChunk', { digest, stored, lengthBytes: null }, ownedMemory(stored)));
  }

  /** Damage is noted; anything else (the store is gone, a person stopped it) ends the check. */
  async #unlessDamaged(digest: Digest, read: () => Promise<void>): Promise<void> {
    try {
      await read();
    } catch (thrown) {
      const { code, message } = toDeployError(thrown);
      if (code !== 'chunk-corrupt' && code !== 'chunk-not-found' && code !== 'manifest-corrupt') throw thrown;
      this.#problemCount++;
      if (this.#problems.length < maxProblems) this.#problems.push({ code, digest, message });
    }
  }

  result(name: string): SealedResult {
    return {
      name,
      bytesFetched: this.#bytesFetched,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }
}

/** The first problem as an error; null when all that is sealed is whole. */
export function sealedError({ name, problems, problemCount }: SealedResult): DeployError | null {
  const [first] = problems;
  if (first === undefined) return null;
  const more = problemCount > 1 ? ` (and ${problemCount - 1} more)` : '';
  return new DeployError(first.code, `verifying '${name}', which is encrypted: ${first.message}${more}`, {
    hint: 'Restore the store from its backup, or capture the image again. With the key, `deploy-os image verify` says which bytes are lost.',
  });
}
