// Frees what no image needs. Safe beside captures: what is young, or was asked for lately, is spared.
import { stat, unlink } from 'node:fs/promises';
import { DeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import type { Digest } from './chunk-store.ts';
import type { DirectoryStore } from './directory-store.ts';
import { eachNamedChunk } from './named-chunks.ts';

export type GarbageResult = { readonly chunks: number; readonly bytes: number; readonly kept: number };

/**
 * Deletes chunks and temporary files that no image needs and that nobody has put or asked for within `olderThanMs`.
 * A capture that took longer than that is refused at its end (chunk-not-found), never made visible with holes.
 * @throws manifest-corrupt, chunk-… when an image cannot be read: what it needs is not known then, and nothing is deleted
 */
export async function collectGarbage(
  store: DirectoryStore,
  options: { olderThanMs: number; dryRun: boolean; signal?: AbortSignal },
): Promise<GarbageResult> {
  const needed = await neededChunks(store, options.signal);
  const beforeMs = Date.now() - options.olderThanMs;
  const result = { chunks: 0, bytes: 0, kept: 0 };
  for await (const { digest, storedBytes, modifiedMs } of store.listChunks(options.signal)) {
    throwIfCancelled(options.signal);
    if (needed.has(digest) || modifiedMs > beforeMs) {
      result.kept++;
      continue;
    }
    result.chunks++;
    result.bytes += storedBytes;
    if (!options.dryRun) await store.deleteChunk(digest);
  }
  if (!options.dryRun) await removeTemporary(store, beforeMs);
  return result;
}

async function neededChunks(store: DirectoryStore, signal: AbortSignal | undefined): Promise<Set<Digest>> {
  const needed = new Set<Digest>();
  for (const { manifest } of await store.readManifests(signal)) {
    if (manifest instanceof DeployError) throw manifest;
    await eachNamedChunk(store, manifest.name, (digest) => needed.add(digest), signal === undefined ? {} : { signal });
  }
  return needed;
}

async function removeTemporary(store: DirectoryStore, beforeMs: number): Promise<void> {
  for (const file of await store.listTemporary()) {
    // Another writer may have finished with it in the meantime.
    const stats = await stat(file).catch(() => null);
    if (stats !== null && stats.mtimeMs <= beforeMs) await unlink(file).catch(() => {});
  }
}
