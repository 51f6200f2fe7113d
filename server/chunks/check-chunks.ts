// Chunks are checked on arrival: what an agent sends is believed only once it decodes to the bytes that its digest names.
import { WorkerPool } from '../../imaging/chunk/worker-pool.ts';
import type { StoredChunk } from '../../imaging/store/chunk-store.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';

export class ChunkChecker {
  #pool = openPool();

  /**
   * Returns only when every one of them has been looked at.
   * @throws DeployError chunk-corrupt naming a wrong one; server-error (the client tries again) when a worker died.
   */
  async check(chunks: readonly StoredChunk[]): Promise<void> {
    const pool = this.#pool;
    const checks = await Promise.allSettled(chunks.map((chunk) => checkOne(pool, chunk)));
    const failed = checks.find((check) => check.status === 'rejected');
    if (failed === undefined) return;
    const error = toDeployError(failed.reason);
    if (error.code === 'chunk-corrupt') throw error;
    if (this.#pool === pool) this.#pool = openPool();
    await pool.close();
    throw new DeployError('server-error', 'checking chunks failed; try again', { cause: error });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/** Checking needs neither a device nor the workers' buffers, which they make only when asked to fill them. */
function openPool(): WorkerPool {
  return new WorkerPool({ device: null, chunkSizeBytes: 1 });
}

function checkOne(pool: WorkerPool, { digest, stored }: StoredChunk): Promise<null> {
  return pool.lease(({ ask }) => {
    // A copy of its own goes to the worker: to hand over a part of the body would take all of it along.
    const copy = Uint8Array.from(stored);
    return ask('checkChunk', { digest, stored: copy, lengthBytes: null }, [copy.buffer]);
  });
}
