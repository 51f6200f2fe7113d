// Reads everything in a directory store: every manifest, every chunk, and whether each image finds what it names.
import { DeployError, type ErrorCode, toDeployError } from '../../protocol/errors.ts';
import { BoundedTasks } from '../chunk/bounded-tasks.ts';
import { ownedMemory } from '../chunk/memory.ts';
import { WorkerPool } from '../chunk/worker-pool.ts';
import type { RunOptions } from '../progress.ts';
import type { ChunkStore, Digest } from './chunk-store.ts';
import { imageParts } from './image-parts.ts';
import { readManifestEntry } from './manifest-entry.ts';
import { maintenanceOf } from './store-maintenance.ts';

export type StoreProblem = { readonly code: ErrorCode; readonly message: string };

export type CheckStoreResult = {
  readonly images: number;
  readonly chunks: number;
  readonly storedBytes: number;
  /** Chunks that no image names: left by deleted images or captures that did not finish. Harmless. */
  readonly unreferenced: number;
  /** Files that interrupted writers left. Harmless. */
  readonly temporaryFiles: number;
  readonly problems: readonly StoreProblem[];
};

/** @throws store-io, cancelled. Damage is listed, not thrown. */
export async function checkStore(store: ChunkStore, options: RunOptions = {}): Promise<CheckStoreResult> {
  const problems: StoreProblem[] = [];
  const note = (error: DeployError) => problems.push({ code: error.code, message: error.message });
  const users = await namedChunks(store, note, options.signal);
  const counts = await checkChunks(store, users, note, options);
  for (const [digest, image] of users.missing) {
    note(new DeployError('chunk-not-found', `chunk ${digest}, which '${image}' needs, is missing`));
  }
  let temporaryFiles = 0;
  for await (const _ of maintenanceOf(store).listLeftOver(options.signal)) temporaryFiles++;
  return { images: users.images, ...counts, temporaryFiles, problems };
}

type Users = { images: number; named: ReadonlyMap<Digest, string>; missing: Map<Digest, string> };

async function namedChunks(
  store: ChunkStore,
  note: (error: DeployError) => void,
  signal: AbortSignal | undefined,
): Promise<Users> {
  const named = new Map<Digest, string>();
  let images = 0;
  for await (const { place, announced, bytes } of maintenanceOf(store).readManifests(signal)) {
    if (announced) continue;
    images++;
    try {
      const { name } = readManifestEntry(bytes);
      for (const part of imageParts(bytes)) {
        for (const digest of part.own) named.set(digest, name);
        for (const digest of await part.chunks(store, signal)) named.set(digest, name);
      }
    } catch (thrown) {
      note(toDeployError(thrown).during(place));
    }
  }
  return { images, named, missing: new Map(named) };
}

async function checkChunks(
  store: ChunkStore,
  users: Users,
  note: (error: DeployError) => void,
  { signal, onProgress }: RunOptions,
): Promise<{ chunks: number; storedBytes: number; unreferenced: number }> {
  const counts = { chunks: 0, storedBytes: 0, unreferenced: 0 };
  const { storedBytes: bytesTotal } = await store.stats(signal);
  const pool = new WorkerPool({ device: null, chunkSizeBytes: 4096 });
  const tasks = new BoundedTasks(pool.size, signal);
  try {
    for await (const { digest, storedBytes } of maintenanceOf(store).listChunks(
      signal === undefined ? {} : { signal },
    )) {
      users.missing.delete(digest);
      counts.chunks++;
      counts.storedBytes += storedBytes;
      if (!users.named.has(digest)) counts.unreferenced++;
      onProgress?.({ phase: 'verify', bytesDone: counts.storedBytes, bytesTotal, bytesTransferred: 0 });
      await tasks.start(() => checkChunk(store, pool, digest, users.named.get(digest), note));
    }
    await tasks.finish();
  } finally {
    await pool.close();
  }
  return counts;
}

async function checkChunk(
  store: ChunkStore,
  pool: WorkerPool,
  digest: Digest,
  image: string | undefined,
  note: (error: DeployError) => void,
): Promise<void> {
  try {
    const stored = await store.getChunk(digest);
    await pool.lease(({ ask }) => ask('checkChunk', { digest, stored, lengthBytes: null }, ownedMemory(stored)));
  } catch (thrown) {
    const error = toDeployError(thrown);
    if (error.code !== 'chunk-corrupt' && error.code !== 'chunk-not-found') throw error;
    note(image === undefined ? error : error.during(`'${image}'`));
  }
}
