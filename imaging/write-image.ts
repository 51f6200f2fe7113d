// The part of a restore that writes: look what is right already, blank the edges, discard, write, flush, read back, and the first MiB last.
import { constants, open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { RestoreMark } from './blockdev/restore-mark.ts';
import { blankRanges, discardRange, flushTarget, markPlaceOn, type Target } from './blockdev/target.ts';
import { intersect, subtract } from './chunk/ranges.ts';
import { SlotRestorer, type WriteOptions } from './chunk/restore-slots.ts';
import { type Extent, mergeExtents } from './extent.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import { PhaseClock } from './phase-clock.ts';
import { findPresentImage, placesOf } from './present-image.ts';
import type { ProgressPhase, RunOptions } from './progress.ts';
import type { PresentTarget } from './read-present-target.ts';
import type { ChunkStore, Digest } from './store/chunk-store.ts';

export type WriteImageOptions = RunOptions & {
  readonly store: ChunkStore;
  /** What to do with unused ranges: tell the device that they are unused, or do not touch them. */
  readonly holes?: 'discard' | 'leave';
  /** Whether the target is read first and what is right on it stays. `auto`: when a sample of it says that this pays. */
  readonly delta?: 'auto' | 'always' | 'never';
  /** An image that the target holds now, or most of it: its chunks are copied on the target when they belong elsewhere. Implies comparing. */
  readonly presentImageName?: string;
  readonly workers?: number;
};

export type WrittenImage = {
  readonly id: string;
  readonly name: string;
  readonly rootDigest: Digest;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  /** What came from the store, or from a cache before it, compressed. */
  readonly bytesFetched: number;
  readonly bytesWritten: number;
  /** Used bytes that the target held already, where they belong; and those copied from elsewhere on it. */
  readonly bytesReused: number;
  readonly bytesCopied: number;
  readonly bytesVerified: number;
  /** Whether the target took the discard of its unused ranges. */
  readonly discarded: boolean;
  readonly seconds: number;
  readonly secondsByPhase: { readonly [Phase in ProgressPhase]?: number };
};

/** The opened target and what is on it; `escrow` is the name of what was saved of it. */
export type WriteTarget = {
  readonly target: Target;
  readonly present: PresentTarget;
  readonly escrow: string | null;
  /** Of a partition: from a place on its disk to that place as the image counts. */
  readonly diskToImageBytes?: number;
};

/** Through the page cache what waits to be written must stay little; past it a flush is only there to bound what a power cut can take. */
const flushEveryMs = { cached: 100, direct: 10_000 };
const pageBytes = 4096;
/** Held back at both ends: a disk whose first MiB is blank has no boot code and no partition table, a partition no superblock. */
const edgeBytes = 2 ** 20;
/** Zeros over a gap this small cost less than another write. */
const cheapGapBytes = 64 * 1024;

/**
 * Writes all that `manifest` uses onto the opened target, a disk or a partition, and reads it back. `state` says whether anything was written, also when it throws.
 * @throws chunk-…, target-write, read-back-mismatch, target-vanished, store errors, cancelled
 */
export async function writeImage(
  manifest: Manifest,
  opened: WriteTarget,
  options: WriteImageOptions,
  state: { written: boolean },
): Promise<WrittenImage> {
  const { target, present, escrow } = opened;
  const clock = new PhaseClock();
  const direct = await canReadDirectly(target);
  if (!direct)
    options.onWarning?.(`${target.label} cannot be read past the page cache: the read-back may have come from memory`);
  const edges = edgesOf(target, manifest);
  const leave = options.holes === 'leave';
  clock.begin('prepare');
  const { id, name, rootDigest, geometry, usedBytes } = manifest;
  const image = { imageId: id, imageName: name, rootDigest };
  const mark = { ...image, startedAt: new Date().toISOString(), tablesDigest: present.tablesDigest, escrow };
  const gapBytes = leave ? 0 : cheapGapBytes;
  const restorer = new SlotRestorer({ ...options, manifest, target, direct, heldBack: edges, gapBytes });
  try {
    const { compare, before, bytesFetched: bytesLearnt } = await planDelta(restorer, manifest, opened, options);
    clock.begin('discard');
    state.written = true;
    await blankRanges(target, edges, mark);
    const emptied = !leave && !compare && (await emptyTarget(opened, edges, options));
    const zerosKnown = target.isNew || (emptied && target.kind === 'file');
    clock.begin('write');
    const flushMs = direct ? flushEveryMs.direct : flushEveryMs.cached;
    await flushingMeanwhile(target, flushMs, restorer.writeAll({ compare, before, zerosKnown }));
    clock.begin('flush');
    await flushTarget(target);
    clock.begin('read-back');
    // Not before: what is unused now may hold what was to be copied to its place.
    const discarding =
      !leave && compare ? discardAll(target, restorer.holes(leastHoleBytes(target)), options.signal) : emptied;
    const [discarded] = await together(discarding, restorer.readBackAll());
    clock.begin('finish');
    await writeEdges(restorer, target, edges, mark);
    const { bytesFetched, bytesWritten, bytesVerified, bytesReused, bytesCopied } = restorer;
    return {
      ...{ id, name, rootDigest, sizeBytes: geometry.sizeBytes, usedBytes },
      ...{ bytesFetched: bytesFetched + bytesLearnt, bytesWritten, bytesReused, bytesCopied, bytesVerified, discarded },
      ...clock.end(),
    };
  } finally {
    await restorer.close();
  }
}

type Delta = Pick<WriteOptions, 'compare' | 'before'> & { readonly bytesFetched: number };

/** Comparing pays when an eighth of the chunks is right: reading and digesting one costs less than an eighth of all that writing it does. */
const leastRight = 1 / 8;

/** Nothing has been written yet, and nothing is by this. */
async function planDelta(
  restorer: SlotRestorer,
  manifest: Manifest,
  { target, present: { mark, table, diskId }, diskToImageBytes }: WriteTarget,
  { store, delta = 'auto', presentImageName, signal }: WriteImageOptions,
): Promise<Delta> {
  if (target.isNew || delta === 'never') return { compare: false, before: undefined, bytesFetched: 0 };
  const known = presentImageName === undefined ? null : await loadManifest(store, presentImageName, signal);
  // With new ids each attempt is another image; all but a few of its chunks are the same.
  const unfinished = mark !== null && (mark.rootDigest === manifest.rootDigest || mark.imageId === manifest.id);
  const surely = delta === 'always' || known !== null || unfinished;
  if (!surely) {
    const { sampled, right } = await restorer.probe();
    if (right === 0 || right < sampled * leastRight) return { compare: false, before: undefined, bytesFetched: 0 };
  }
  const isDisk = diskToImageBytes === undefined;
  const present = known ?? (isDisk ? await findPresentImage(store, { table, diskId }, manifest, signal) : null);
  if (present === null) return { compare: true, before: undefined, bytesFetched: 0 };
  const { places, bytesFetched } = await placesOf(store, present, manifest, { byBytes: diskToImageBytes ?? 0, signal });
  return { compare: true, before: places, bytesFetched };
}

/** Keeps the medium writing while the cores decompress: the flush at the end is short, and little memory waits to be written. */
async function flushingMeanwhile(target: Target, everyMs: number, writing: Promise<void>): Promise<void> {
  const done = new AbortController();
  const written = writing.finally(() => done.abort());
  // An error of a flush is kept by the kernel for the next one only on some file systems: it counts here.
  const flushing = (async () => {
    while (!done.signal.aborted) {
      await setTimeout(everyMs, undefined, { signal: done.signal }).catch(() => {});
      if (!done.signal.aborted) await flushTarget(target);
    }
  })();
  await together(written, flushing);
}

/** What both come to; where one fails, the other is waited for. */
async function together<A, B>(one: A, other: B): Promise<[Awaited<A>, Awaited<B>]> {
  return await Promise.all([one, other]).finally(() => Promise.allSettled([one, other]));
}

/** The first and last MiB of the target, and the last of the image: where tables and superblocks are, old ones too. */
function edgesOf(target: Target, manifest: Manifest): Extent[] {
  const { startBytes = 0, sizeBytes } = target;
  const imageEnd = Math.min(sizeBytes, manifest.geometry.sizeBytes);
  const ends = [sizeBytes, imageEnd].map((end) => ({ from: Math.max(startBytes, end - edgeBytes), end }));
  return mergeExtents([
    firstMib(target),
    ...ends.map(({ from, end }) => ({ startBytes: from, lengthBytes: end - from })),
  ]);
}

function firstMib({ startBytes = 0, sizeBytes }: Target): Extent {
  return { startBytes, lengthBytes: Math.min(edgeBytes, sizeBytes - startBytes) };
}

/** One discard for the whole inside of the target: quicker than one for each hole, and nothing on it is wanted. */
async function emptyTarget({ target }: WriteTarget, edges: readonly Extent[], options: RunOptions): Promise<boolean> {
  const { startBytes = 0, sizeBytes } = target;
  options.onProgress?.({ phase: 'discard', bytesDone: 0, bytesTotal: 0, bytesTransferred: 0 });
  return await discardAll(
    target,
    subtract([{ startBytes, lengthBytes: sizeBytes - startBytes }], edges),
    options.signal,
  );
}

/** Every discard is a program's run: a thousand are made at most. What is smaller stays as it was. */
function leastHoleBytes({ startBytes = 0, sizeBytes }: Target): number {
  return Math.max(8 * 2 ** 20, (sizeBytes - startBytes) / 1000);
}

async function discardAll(
  target: Target,
  ranges: AsyncIterable<Extent> | Iterable<Extent>,
  signal?: AbortSignal,
): Promise<boolean> {
  if (target.isNew) return true;
  let discarded = false;
  for await (const range of ranges) {
    discarded = await discardRange(target, range, signal);
    if (!discarded) break;
  }
  return discarded;
}

/** What makes the disk bootable comes when everything else is known to be good, and goes again if it is not. */
async function writeEdges(
  restorer: SlotRestorer,
  target: Target,
  edges: readonly Extent[],
  mark: RestoreMark,
): Promise<void> {
  const first = [firstMib(target)];
  try {
    await restorer.writeHeldBack(subtract(edges, first));
    await blankRanges(target, intersect(first, [markPlaceOn(target)]));
    await restorer.writeHeldBack(first);
    await flushTarget(target);
    await restorer.readBackHeldBack();
  } catch (thrown) {
    await blankRanges(target, first, mark).catch(() => {});
    throw thrown;
  }
}

/** tmpfs and some network file systems refuse O_DIRECT, and so does what is not in step with pages. */
export async function canReadDirectly(target: Target): Promise<boolean> {
  if ((target.baseBytes ?? 0) % pageBytes !== 0) return false;
  try {
    const handle = await open(target.path, constants.O_RDONLY | constants.O_DIRECT);
    await handle.close();
    return true;
  } catch {
    return false;
  }
}
