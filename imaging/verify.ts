// The recipe of a check of an image: every chunk it names is fetched, decoded and digested, and every fault is listed with its place.
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { BoundedTasks } from './chunk/bounded-tasks.ts';
import { ownedMemory } from './chunk/memory.ts';
import { segmentSizeBytes } from './chunk/slots.ts';
import { WorkerPool } from './chunk/worker-pool.ts';
import { totalBytes } from './extent.ts';
import { type ImageChunks, openImageChunks } from './manifest/image-chunks.ts';
import { loadManifest, loadSegment } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import { type Slot, segmentLengthBytes, slotPlace } from './manifest/segment.ts';
import type { RunOptions } from './progress.ts';
import { describeLost } from './rescue/describe-loss.ts';
import type { ChunkStore, Digest } from './store/chunk-store.ts';

export type VerifyOptions = RunOptions & {
  readonly imageName: string;
  readonly store: ChunkStore;
  readonly workers?: number;
};

/** A part of the image that cannot be restored: the bytes of the disk that are lost, and why. */
export type VerifyProblem = {
  readonly code: 'chunk-corrupt' | 'chunk-not-found' | 'manifest-corrupt';
  readonly digest: Digest;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly message: string;
};

export type VerifyResult = {
  readonly name: string;
  readonly rootDigest: Digest;
  readonly usedBytes: number;
  /** Distinct places checked; a chunk that fills several places is fetched for each. */
  readonly slots: number;
  readonly bytesFetched: number;
  /** In order of place; the first `maxProblems` of `problemCount`. */
  readonly problems: readonly VerifyProblem[];
  readonly problemCount: number;
  readonly seconds: number;
};

const maxProblems = 1000;

/**
 * Checks everything an image needs. Damage to its chunks is reported, not thrown.
 * @throws image-not-found, manifest-corrupt (the manifest itself), manifest-version, store-io, cancelled
 */
export async function verifyImage(options: VerifyOptions): Promise<VerifyResult> {
  const startedMs = performance.now();
  const { store, imageName, signal } = options;
  const manifest = await loadManifest(store, imageName, signal);
  const loss = describeLost(manifest);
  if (loss !== null) options.onWarning?.(loss);
  const pool = new WorkerPool({ device: null, chunkSizeBytes: manifest.chunkSizeBytes }, options.workers);
  const check = new Check(manifest, pool, options);
  try {
    const tasks = new BoundedTasks(pool.size, signal);
    try {
      for (const index of manifest.segments.keys()) await check.startSegment(index, tasks);
    } finally {
      await tasks.finish();
    }
  } finally {
    await pool.close();
  }
  return check.result(startedMs);
}

class Check {
  readonly #manifest: Manifest;
  readonly #chunks: ImageChunks;
  readonly #pool: WorkerPool;
  readonly #options: VerifyOptions;
  readonly #problems: VerifyProblem[] = [];
  #problemCount = 0;
  #slots = 0;
  #bytesDone = 0;
  #bytesFetched = 0;

  constructor(manifest: Manifest, pool: WorkerPool, options: VerifyOptions) {
    this.#manifest = manifest;
    this.#chunks = openImageChunks(options.store, manifest);
    this.#pool = pool;
    this.#options = options;
  }

  async startSegment(index: number, tasks: BoundedTasks): Promise<void> {
    const { store, signal } = this.#options;
    try {
      const slots = await loadSegment(store, this.#manifest, index, signal);
      for (const slot of slots) await tasks.start(() => this.#checkSlot(index, slot));
    } catch (thrown) {
      const lengthBytes = segmentLengthBytes(this.#manifest.geometry.sizeBytes, index);
      const place = { offsetBytes: index * segmentSizeBytes, lengthBytes };
      this.#note(thrown, this.#manifest.segments[index] ?? '', place);
    }
  }

  async #checkSlot(segment: number, { index, digest, used }: Slot): Promise<void> {
    const { signal, onProgress } = this.#options;
    const place = slotPlace({ ...this.#manifest.geometry, ...this.#manifest }, segment, index);
    if (digest !== null) {
      try {
        const stored = await this.#chunks.getChunk(digest, signal);
        this.#bytesFetched += stored.length;
        await this.#pool.lease(({ ask }) =>
          ask('checkChunk', { digest, stored, lengthBytes: place.lengthBytes }, ownedMemory(stored)),
        );
      } catch (thrown) {
        this.#note(thrown, digest, place);
      }
    }
    this.#slots++;
    this.#bytesDone += totalBytes(used);
    onProgress?.({
      phase: 'verify',
      bytesDone: this.#bytesDone,
      bytesTotal: this.#manifest.usedBytes,
      bytesTransferred: this.#bytesFetched,
    });
  }

  /** Damage is noted; anything else (the store is gone, a person stopped it) ends the check. */
  #note(thrown: unknown, digest: Digest, place: { offsetBytes: number; lengthBytes: number }): void {
    const { code, message } = toDeployError(thrown);
    if (code !== 'chunk-corrupt' && code !== 'chunk-not-found' && code !== 'manifest-corrupt') throw thrown;
    this.#problemCount++;
    if (this.#problems.length < maxProblems) this.#problems.push({ code, digest, ...place, message });
  }

  result(startedMs: number): VerifyResult {
    const { name, rootDigest, usedBytes } = this.#manifest;
    return {
      name,
      rootDigest,
      usedBytes,
      slots: this.#slots,
      bytesFetched: this.#bytesFetched,
      problems: this.#problems.sort((a, b) => a.offsetBytes - b.offsetBytes),
      problemCount: this.#problemCount,
      seconds: Math.round(performance.now() - startedMs) / 1000,
    };
  }
}

/** The result's worst problem as an error, for those who want one; null when the image is whole. */
export function verifyError(result: VerifyResult): DeployError | null {
  const first = result.problems[0];
  if (first === undefined) return null;
  const { code, offsetBytes, lengthBytes, message } = first;
  const where = `bytes ${offsetBytes} to ${offsetBytes + lengthBytes - 1}`;
  const more = result.problemCount > 1 ? ` (and ${result.problemCount - 1} more)` : '';
  return new DeployError(code, `verifying '${result.name}': ${where} are lost: ${message}${more}`, {
    hint: 'Restore the store from its backup, or capture the image again.',
  });
}
