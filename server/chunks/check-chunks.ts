// Chunks are checked on arrival: what an agent sends is believed only once it decodes to the bytes that its digest names.
import { memoryBehind } from '../../imaging/chunk/memory.ts';
import { WorkerPool } from '../../imaging/chunk/worker-pool.ts';
import type { StoredChunk } from '../../imaging/store/chunk-store.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';

export class ChunkChecker {
  #pool = openPool();

  /**
   * Returns the chunks of a body. They went to another thread and have come back, with the body's memory and without a copy: the given ones are empty after that.
   * @throws DeployError chunk-corrupt naming a wrong one; server-error (the client tries again) when a worker died.
   */
  async check(chunks: readonly StoredChunk[]): Promise<readonly StoredChunk[]> {
    const pool = this.#pool;
    try {
      const memory = memoryBehind(chunks.map(({ stored }) => stored));
      const checked = await pool.lease(({ ask }) => ask('checkChunks', { chunks }, memory));
      return checked.chunks;
    } catch (thrown) {
      const error = toDeployError(thrown);
      if (error.code === 'chunk-corrupt') throw error;
      if (this.#pool === pool) this.#pool = openPool();
      await pool.close();
      throw new DeployError('server-error', 'checking chunks failed; try again', { cause: error });
    }
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/** Checking needs neither a device nor the workers' buffers, which they make only when asked to fill them. */
function openPool(): WorkerPool {
  return new WorkerPool({ device: null, chunkSizeBytes: 1 });
}
