// The second look of a repair: a chunk that was set aside and is whole all the same goes back to where captures find it.
import { toDeployError } from '../../protocol/errors.ts';
import { ownedMemory } from '../chunk/memory.ts';
import { WorkerPool } from '../chunk/worker-pool.ts';
import type { CheckStoreOptions } from './check-request.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';
import { maintenanceOf } from './store-maintenance.ts';

/** What says that a chunk cannot be had, or is not what its name says. */
const damageCodes = new Set(['chunk-corrupt', 'chunk-not-found', 'store-io']);

type Options = Pick<CheckStoreOptions, 'keys' | 'signal'>;

/**
 * Answers those of `digests` (set aside) that are damaged indeed. The others were replaced by a capture between the reading and
 * the moving, or belong to a repair that was cut off.
 */
export async function putBackWhole(store: ChunkStore, digests: readonly Digest[], options: Options): Promise<Digest[]> {
  if (digests.length === 0) return [];
  const damaged: Digest[] = [];
  const pool = new WorkerPool({ device: null, chunkSizeBytes: 4096 }, 1);
  try {
    for (const digest of digests) if (!(await putBack(store, pool, digest, options))) damaged.push(digest);
    await store.flush(options.signal);
  } finally {
    await pool.close();
  }
  return damaged;
}

async function putBack(store: ChunkStore, pool: WorkerPool, digest: Digest, { keys, signal }: Options) {
  let stored: Buffer;
  try {
    stored = await maintenanceOf(store).getSetAside(digest, signal);
    const checked = Buffer.from(stored);
    const sealed = keys === undefined ? {} : { keys };
    await pool.lease(({ ask }) =>
      ask('checkChunk', { ...sealed, digest, stored: checked, lengthBytes: null }, ownedMemory(checked)),
    );
  } catch (thrown) {
    if (damageCodes.has(toDeployError(thrown).code)) return false;
    throw thrown;
  }
  await store.putChunks([{ digest, stored }], signal);
  return true;
}
