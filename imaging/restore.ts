// The recipe of a restore: check, open exclusively, blank the edges, discard, write, flush, read back, and the first MiB last.
import { constants, open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { checkTarget } from './blockdev/check-target.ts';
import {
  blankRanges,
  discardRange,
  flushTarget,
  openTarget,
  rereadPartitions,
  type Target,
} from './blockdev/target.ts';
import { subtract } from './chunk/ranges.ts';
import { SlotRestorer } from './chunk/restore-slots.ts';
import { type Extent, mergeExtents } from './extent.ts';
import { type FitOptions, type FittedImage, fitImage } from './fit/fit-image.ts';
import { type Growth, growPartition } from './fit/grow-partition.ts';
import { rewritePartition } from './fit/rewrite-partition.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { ProgressPhase, RunOptions } from './progress.ts';
import type { ChunkStore, Digest } from './store/chunk-store.ts';

export type RestoreOptions = RunOptions & {
  readonly imageName: string;
  /** A disk, or a disk file; one that does not exist is made. */
  readonly targetPath: string;
  readonly store: ChunkStore;
  /** What to do with unused ranges: tell the device that they are unused, or do not touch them. */
  readonly holes?: 'discard' | 'leave';
  readonly allowMember?: boolean;
  /** The partition that takes the free space of a larger disk, with its file system; none unless told. */
  readonly grow?: FitOptions['grow'];
  readonly workers?: number;
};

export type RestoreResult = {
  readonly id: string;
  readonly name: string;
  readonly rootDigest: Digest;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly bytesFetched: number;
  readonly bytesWritten: number;
  readonly bytesVerified: number;
  /** Whether the target took the discard of its unused ranges. */
  readonly discarded: boolean;
  /** The partition that was given room, and whether its file system took it; null where none was. */
  readonly grown: Growth | null;
  readonly seconds: number;
  readonly secondsByPhase: { readonly [Phase in ProgressPhase]?: number };
  readonly warnings: readonly string[];
};

const flushEveryMs = 100;
/** Held back at both ends: a disk whose first MiB is blank has no boot code and no partition table. */
const edgeBytes = 2 ** 20;
/** Zeros over a gap this small cost less than another write. */
const cheapGapBytes = 64 * 1024;

/**
 * Writes an image onto a disk and reads all of it back. When it returns, what is on the medium is what was captured.
 * @throws image-not-found, manifest-corrupt, target-… (nothing written), chunk-…, target-write, read-back-mismatch, cancelled (target blanked)
 */
export async function restoreImage(given: RestoreOptions): Promise<RestoreResult> {
  const warnings: string[] = [];
  const options = { ...given, onWarning: (message: string) => warn(message, warnings, given) };
  const { store, signal, imageName, targetPath } = options;
  const state = { written: false };
  try {
    const captured = await loadManifest(store, imageName, signal);
    const facts = await checkTarget(targetPath, { allowMember: options.allowMember ?? false });
    const fitted = await fitImage({ manifest: captured, store }, facts, options);
    const target = await openTarget({ ...facts, path: targetPath }, captured.geometry.sizeBytes);
    try {
      const written = await writeImage(fitted.manifest, target, { ...options, store: fitted.store }, state);
      const grown = await growRestored(fitted, target, options);
      const { rootDigest, geometry } = captured;
      return { ...written, rootDigest, sizeBytes: geometry.sizeBytes, grown, warnings };
    } finally {
      await target.handle.close();
      if (state.written) await rereadPartitions(target);
    }
  } catch (thrown) {
    throw withState(toDeployError(thrown), options, state.written);
  }
}

/** What was restored is proved by now, and stays if this fails. */
async function growRestored(fitted: FittedImage, target: Target, options: RestoreOptions): Promise<Growth | null> {
  const { grown } = fitted;
  if (grown === null) return null;
  const { sectorSizeBytes } = fitted.manifest.geometry;
  const direct = await canReadDirectly(target);
  const growth = await growPartition({ ...target, sectorSizeBytes }, grown, () =>
    rewritePartition(fitted, grown, target, { ...options, direct }),
  );
  if (growth.note !== null) {
    const what = growth.partition === 0 ? 'the file system' : `partition ${growth.partition}`;
    options.onWarning?.(`${what} ${growth.fileSystemGrown ? 'is grown' : 'is not grown'}: ${growth.note}`);
  }
  return growth;
}

function warn(message: string, warnings: string[], { onWarning }: RestoreOptions): void {
  warnings.push(message);
  onWarning?.(message);
}

async function writeImage(
  manifest: Manifest,
  target: Target,
  options: RestoreOptions,
  state: { written: boolean },
): Promise<Omit<RestoreResult, 'grown' | 'warnings'>> {
  const clock = new PhaseClock();
  const direct = await canReadDirectly(target);
  if (!direct)
    options.onWarning?.(`${target.label} cannot be read past the page cache: the read-back may have come from memory`);
  const edges = edgesOf(target, manifest);

  clock.begin('discard');
  state.written = true;
  await blankRanges(target, edges);
  const discarded = options.holes !== 'leave' && (await discardInner(target, edges, options.signal));
  const restorer = new SlotRestorer({
    ...options,
    manifest,
    target,
    direct,
    heldBack: edges,
    gapBytes: options.holes === 'leave' ? 0 : cheapGapBytes,
    zerosKnown: target.isNew || (discarded && target.kind === 'file'),
  });
  try {
    clock.begin('write');
    await flushingMeanwhile(target, restorer.writeAll());
    clock.begin('flush');
    await flushTarget(target);
    clock.begin('read-back');
    await restorer.readBackAll();
    clock.begin('finish');
    await writeEdges(restorer, target, edges);
  } finally {
    await restorer.close();
  }
  const { id, name, rootDigest, geometry, usedBytes } = manifest;
  const { bytesFetched, bytesWritten, bytesVerified } = restorer;
  return {
    ...{ id, name, rootDigest, sizeBytes: geometry.sizeBytes, usedBytes },
    ...{ bytesFetched, bytesWritten, bytesVerified, discarded },
    ...clock.end(),
  };
}

/** Keeps the medium writing while the cores decompress: the flush at the end is short, and little memory waits to be written. */
async function flushingMeanwhile(target: Target, writing: Promise<void>): Promise<void> {
  let done = false;
  const written = writing.finally(() => {
    done = true;
  });
  // An error of a flush is kept by the kernel for the next one only on some file systems: it counts here.
  const flushing = (async () => {
    while (!done) {
      await Promise.race([written, setTimeout(flushEveryMs)]).catch(() => {});
      if (!done) await flushTarget(target);
    }
  })();
  await Promise.all([written, flushing]).finally(() => Promise.allSettled([written, flushing]));
}

/** The first and last MiB of the target, and the last of the image: where tables are, old ones too. */
function edgesOf({ sizeBytes }: Target, manifest: Manifest): Extent[] {
  const imageEnd = Math.min(sizeBytes, manifest.geometry.sizeBytes);
  const ends = [sizeBytes, imageEnd].map((end) => ({ from: Math.max(0, end - edgeBytes), end }));
  return mergeExtents([
    { startBytes: 0, lengthBytes: Math.min(edgeBytes, sizeBytes) },
    ...ends.map(({ from, end }) => ({ startBytes: from, lengthBytes: end - from })),
  ]);
}

async function discardInner(target: Target, edges: readonly Extent[], signal?: AbortSignal): Promise<boolean> {
  if (target.isNew) return true;
  const inner = subtract([{ startBytes: 0, lengthBytes: target.sizeBytes }], edges);
  let discarded = inner.length > 0;
  for (const range of inner) discarded = (await discardRange(target, range, signal)) && discarded;
  return discarded;
}

/** What makes the disk bootable comes when everything else is known to be good, and goes again if it is not. */
async function writeEdges(restorer: SlotRestorer, target: Target, edges: readonly Extent[]): Promise<void> {
  const first = [{ startBytes: 0, lengthBytes: Math.min(edgeBytes, target.sizeBytes) }];
  try {
    await restorer.writeHeldBack(subtract(edges, first));
    await flushTarget(target);
    await restorer.writeHeldBack(first);
    await flushTarget(target);
    await restorer.readBackHeldBack();
  } catch (thrown) {
    await blankRanges(target, first).catch(() => {});
    throw thrown;
  }
}

/** tmpfs and some network file systems refuse O_DIRECT. */
async function canReadDirectly(target: Target): Promise<boolean> {
  try {
    const handle = await open(target.path, constants.O_RDONLY | constants.O_DIRECT);
    await handle.close();
    return true;
  } catch {
    return false;
  }
}

function withState(error: DeployError, { imageName, targetPath }: RestoreOptions, written: boolean): DeployError {
  const state = written
    ? `${targetPath} is incomplete; its first MiB is blank, so it does not boot`
    : 'nothing was written';
  const hint = error.hint ?? (written ? 'Restore again when the cause is removed.' : undefined);
  return new DeployError(error.code, `restoring '${imageName}' to ${targetPath}: ${error.message}. ${state}`, {
    cause: error.cause ?? error,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The file system that was to grow and did not, as an error, for those who want one; everything else is done. */
export function growError({ name, grown }: RestoreResult): DeployError | null {
  if (grown === null || grown.fileSystemGrown) return null;
  const { partition, note } = grown;
  const what = partition === 0 ? 'its file system' : `the file system of partition ${partition}`;
  return new DeployError('grow-failed', `'${name}' is restored and whole, but ${what} is not grown: ${note}`, {
    hint: 'Grow it with its own tool; the room is there. Nothing has to be restored again.',
  });
}

class PhaseClock {
  readonly #startedMs = performance.now();
  readonly #seconds: { [Phase in ProgressPhase]?: number } = {};
  #phase: ProgressPhase | undefined;
  #phaseMs = 0;

  begin(phase: ProgressPhase): void {
    this.#stop();
    this.#phase = phase;
    this.#phaseMs = performance.now();
  }

  end(): { seconds: number; secondsByPhase: { [Phase in ProgressPhase]?: number } } {
    this.#stop();
    return { seconds: rounded(performance.now() - this.#startedMs), secondsByPhase: this.#seconds };
  }

  #stop(): void {
    if (this.#phase !== undefined) this.#seconds[this.#phase] = rounded(performance.now() - this.#phaseMs);
  }
}

function rounded(ms: number): number {
  return Math.round(ms) / 1000;
}
