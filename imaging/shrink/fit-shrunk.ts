// An image for a disk that is too small for it: one of its file systems is made smaller on an overlay. The image and its store stay as they are.
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { FitTarget } from '../fit/check-fits.ts';
import type { StoredImage } from '../fit/compose-image.ts';
import { type FitOptions, type FittedImage, fitImage, fitShrunkImage } from '../fit/fit-image.ts';
import { keepLayout, type NewDisk, type OldLayout, requiredBytes, shrinkLayout } from '../fit/layout.ts';
import { openTableSectors, readOldTable } from '../fit/old-table.ts';
import { openImageReader } from '../image-reader.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type OverlayView, withOverlayView } from '../mount/overlay-view.ts';
import { backupGptBytes } from '../partition/write-gpt.ts';
import type { RunOptions } from '../progress.ts';
import { captureShrunk, type ShrunkImage } from './capture-shrunk.ts';
import { type Shrinker, shrinkerOf } from './shrinkers.ts';

export type FitOrShrinkOptions = FitOptions & { readonly shrink?: boolean };

/**
 * `image` for `target`; with `shrink`, one partition made smaller if nothing less makes it fit. Nothing is written but to temporary files
 * (`TMPDIR`), which are gone when what this returns is disposed of.
 * @throws target-too-small with the size that would do, shrink-failed, mount-failed, tool-missing, and what `fitImage` throws
 */
export async function fitOrShrink(
  image: StoredImage,
  target: FitTarget,
  options: FitOrShrinkOptions,
): Promise<FittedImage & AsyncDisposable> {
  try {
    return { ...(await fitImage(image, target, options)), [Symbol.asyncDispose]: async () => {} };
  } catch (thrown) {
    if (options.shrink !== true || toDeployError(thrown).code !== 'target-too-small') throw thrown;
  }
  const { shrunk, ...to } = await tryCandidates(image, await planShrink(image.manifest, target), target, options);
  try {
    const fitted = await fitShrunkImage(image, target, { ...to, shrunk }, options);
    return { ...fitted, [Symbol.asyncDispose]: shrunk.close };
  } catch (thrown) {
    await shrunk.close();
    throw thrown;
  }
}

type Candidate = { readonly partition: Manifest['partitions'][0]; readonly shrinker: Shrinker };

type Plan = {
  readonly old: OldLayout;
  readonly disk: NewDisk;
  /** By how much the disk is too small. */
  readonly lackingBytes: number;
  /** Those with most free space first. */
  readonly candidates: readonly Candidate[];
};

async function planShrink(manifest: Manifest, target: FitTarget): Promise<Plan> {
  const { geometry, chunkSizeBytes, name, partitions } = manifest;
  const table = await readOldTable(manifest);
  if (table === null) {
    throw new DeployError('target-too-small', `'${name}' has no partition table, and only partitions can be shrunk`, {
      hint: `Restore to a disk of at least ${manifest.usedEndBytes} bytes.`,
    });
  }
  const { sectorSizeBytes } = geometry;
  const backupBytes = table.type === 'gpt' ? await backupGptBytes(openTableSectors(manifest), sectorSizeBytes) : 0;
  const old = { table, sizeBytes: geometry.sizeBytes, stepBytes: chunkSizeBytes };
  const disk = { sizeBytes: target.sizeBytes - (target.sizeBytes % sectorSizeBytes), sectorSizeBytes, backupBytes };
  const candidates = partitions
    .flatMap((partition) => {
      const shrinker = partition.fileSystem === null ? undefined : shrinkerOf(partition.fileSystem);
      return shrinker === undefined ? [] : [{ partition, shrinker }];
    })
    .sort((a, b) => freeBytes(b) - freeBytes(a));
  return { old, disk, lackingBytes: requiredBytes(old, keepLayout(old), disk) - disk.sizeBytes, candidates };
}

function freeBytes({ partition }: Candidate): number {
  return partition.sizeBytes - partition.usedBytes;
}

type Chosen = { readonly number: number; readonly newSizeBytes: number; readonly shrunk: ShrunkImage };

/** Each candidate on an overlay of its own: what a refused one has done there is nobody's business. */
async function tryCandidates(image: StoredImage, plan: Plan, target: FitTarget, options: RunOptions): Promise<Chosen> {
  const reader = openImageReader(image.store, image.manifest);
  const onError = (error: Error) => options.onWarning?.(error.message);
  const wouldDo: number[] = [];
  const reasons: string[] = [];
  for (const candidate of plan.candidates) {
    const { partition } = candidate;
    const outcome = await withOverlayView(reader, [partition], onError, (view) =>
      tryCandidate(image, view, candidate, plan, options),
    ).catch((thrown: unknown) => {
      const error = toDeployError(thrown);
      if (error.code !== 'shrink-failed' && error.code !== 'tool-missing') throw error;
      return { why: error.message };
    });
    if ('shrunk' in outcome) return outcome;
    if ('leastDiskBytes' in outcome) wouldDo.push(outcome.leastDiskBytes);
    else reasons.push(`partition ${partition.number} (${partition.fileSystem}): ${outcome.why}`);
  }
  throw refuse(image.manifest, target, wouldDo, reasons);
}

async function tryCandidate(
  image: StoredImage,
  view: OverlayView,
  { partition, shrinker }: Candidate,
  { old, disk, lackingBytes }: Plan,
  options: RunOptions,
): Promise<Chosen | { readonly leastDiskBytes: number }> {
  const { number, startBytes, sizeBytes, fileSystemUuid } = partition;
  const facts = { file: view.partitionFile(number), uuid: fileSystemUuid, signal: options.signal };
  const newSizeBytes = sizeBytes - roundUp(lackingBytes, old.stepBytes);
  const leastBytes = roundUp(await shrinker.leastBytes(facts), old.stepBytes);
  const leastDisk = (size: number) =>
    size < sizeBytes ? requiredBytes(old, shrinkLayout(old, number, size), disk) : Number.POSITIVE_INFINITY;
  // What lies behind is moved by whole steps: only the layout knows whether this is enough.
  if (newSizeBytes < leastBytes || leastDisk(newSizeBytes) > disk.sizeBytes)
    return { leastDiskBytes: leastDisk(leastBytes) };
  const note = await shrinker.shrink(facts, newSizeBytes);
  options.onWarning?.(`partition ${number} is restored with ${newSizeBytes} of its ${sizeBytes} bytes`);
  if (note !== null) options.onWarning?.(note);
  return {
    number,
    newSizeBytes,
    shrunk: await captureShrunk(image, view, { startBytes, sizeBytes: newSizeBytes }, options),
  };
}

function roundUp(bytes: number, stepBytes: number): number {
  return Math.ceil(bytes / stepBytes) * stepBytes;
}

function refuse(
  { name }: Manifest,
  target: FitTarget,
  wouldDo: readonly number[],
  reasons: readonly string[],
): DeployError {
  const why = reasons.length === 0 ? '' : `; ${reasons.join('; ')}`;
  const message = `${target.label} has ${target.sizeBytes} bytes; no one partition of '${name}' can be shrunk so far${why}`;
  const least = Math.min(...wouldDo);
  if (Number.isFinite(least)) {
    return new DeployError('target-too-small', message, {
      hint: `With --shrink a disk of at least ${least} bytes would do.`,
    });
  }
  return new DeployError(reasons.length === 0 ? 'target-too-small' : 'shrink-failed', message, {
    hint: 'Restore to a larger disk.',
  });
}
