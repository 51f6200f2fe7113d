// Chunks are checked on arrival: what an agent sends is believed only once it decodes to the bytes that its digest names.
import { WorkerPool } from '../../imaging/chunk/worker-pool.ts';
import type { StoredChunk } from '../../imaging/store/chunk-store.ts';

export class ChunkChecker {
  // Checking needs neither a device nor the workers' buffers, which they make only when asked to fill them.
  readonly #pool = new WorkerPool({ device: null, chunkSizeBytes: 1 });

  /** @throws DeployError chunk-corrupt naming a wrong one; returns only when every one of them has been looked at. */
  async check(chunks: readonly StoredChunk[]): Promise<void> {
    const checks = await Promise.allSettled(chunks.map((chunk) => this.#checkOne(chunk)));
    const failed = checks.find((check) => check.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #checkOne({ digest, stored }: StoredChunk): Promise<null> {
    return this.#pool.lease(({ ask }) => {
      // A copy of its own goes to the worker: to hand over a part of the body would take all of it along.
      const copy = Uint8Array.from(stored);
      return ask('checkChunk', { digest, stored: copy, lengthBytes: null }, [copy.buffer]);
    });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}
