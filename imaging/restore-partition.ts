// The recipe of a restore of one partition: into a partition that is there, and not a byte elsewhere. Its first MiB comes last.
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { windowOf } from './blockdev/byte-reader.ts';
import { blankRanges, discardRange, flushTarget, openTarget, type Target } from './blockdev/target.ts';
import { shift, subtract } from './chunk/ranges.ts';
import { SlotRestorer } from './chunk/restore-slots.ts';
import { type Extent, mergeExtents } from './extent.ts';
import { warnOfIds } from './finish-restored.ts';
import { composeImage, type StoredImage } from './fit/compose-image.ts';
import { whyNotConvertible } from './fit/convert-sectors.ts';
import { type Growth, growPartition } from './fit/grow-partition.ts';
import { moveHiddenSectors } from './fit/hidden-sectors.ts';
import { type NewIds, renewFileSystemIds } from './fit/renew-ids.ts';
import { requirePrograms } from './fit/require-programs.ts';
import { rewritePartition } from './fit/rewrite-partition.ts';
import { findTargetPartition, type TargetPartition } from './fit/target-partition.ts';
import { openImageReader } from './image-reader.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { RunOptions } from './progress.ts';
import { checkLoss } from './restore.ts';
import type { ChunkStore } from './store/chunk-store.ts';
import { canReadDirectly } from './write-image.ts';

export type RestorePartitionOptions = RunOptions & {
  readonly imageName: string;
  readonly store: ChunkStore;
  /** A disk, a disk file, or a partition's own node. */
  readonly targetPath: string;
  /** The partition of the image. */
  readonly partition: number;
  /** The partition of the target; the same number unless told. 0 is all of the target. */
  readonly toPartition?: number | undefined;
  /** Grow the file system to the target's partition. */
  readonly grow?: boolean;
  /** Its file system gets a new id. */
  readonly newIds?: boolean;
  readonly holes?: 'discard' | 'leave';
  readonly allowMember?: boolean;
  /** Restore also out of an image of which bytes are lost. */
  readonly acceptLost?: boolean;
  readonly workers?: number;
};

export type RestorePartitionResult = {
  readonly id: string;
  readonly name: string;
  readonly partition: number;
  readonly toPartition: number;
  readonly sizeBytes: number;
  readonly usedBytes: number;
  readonly bytesFetched: number;
  readonly bytesWritten: number;
  readonly bytesVerified: number;
  readonly grown: Growth | null;
  readonly newIds: NewIds | null;
  readonly seconds: number;
};

const edgeBytes = 2 ** 20;

/**
 * Writes one partition of an image into a partition of the target and reads it back; every other byte of the target stays.
 * @throws image-not-found, invalid-input (no such partition), target-…, tool-missing (nothing written), chunk-…, target-write, read-back-mismatch, cancelled
 */
export async function restorePartition(options: RestorePartitionOptions): Promise<RestorePartitionResult> {
  const { store, signal, imageName, targetPath, partition: number } = options;
  const startedMs = performance.now();
  const toPartition = options.toPartition ?? number;
  const state = { written: false };
  try {
    const manifest = await loadManifest(store, imageName, signal);
    checkLoss(manifest, options);
    const partition = choosePartition(manifest, number);
    const to = await findTargetPartition(targetPath, toPartition, { allowMember: options.allowMember ?? false });
    await checkFits({ manifest, store }, partition, to);
    const grown = options.grow === true && to.sizeBytes > partition.sizeBytes ? partition : null;
    await requirePrograms({ grown, renewed: options.newIds === true ? [partition] : [] });
    const image = await extractPartition({ manifest, store }, partition, to, signal);
    const target = await openTarget({ ...to, exists: true }, 0);
    try {
      const written = await writePartition(image, partition, { ...target, ...to }, options, state);
      const seconds = Math.round(performance.now() - startedMs) / 1000;
      const { id, name, usedBytes } = image.manifest;
      return {
        ...{ id, name, partition: number, toPartition, sizeBytes: partition.sizeBytes, usedBytes },
        ...written,
        seconds,
      };
    } finally {
      await target.handle.close();
    }
  } catch (thrown) {
    const error = toDeployError(thrown);
    const what = toPartition === 0 ? targetPath : `partition ${toPartition} of ${targetPath}`;
    const after = state.written ? `${what} is incomplete; its first MiB is blank` : 'nothing was written';
    const hint = error.hint ?? (state.written ? 'Restore again when the cause is removed.' : undefined);
    throw new DeployError(
      error.code,
      `restoring partition ${number} of '${imageName}' into ${what}: ${error.message}. ${after}`,
      { cause: error.cause ?? error, ...(hint === undefined ? {} : { hint }) },
    );
  }
}

type Partition = Manifest['partitions'][0];

function choosePartition({ name, partitions, capturedPartitions, geometry }: Manifest, number: number): Partition {
  const isContainer = ({ type }: Partition) => geometry.table === 'mbr' && ['05', '0f', '85'].includes(type ?? '');
  const there = partitions.filter((part) => !isContainer(part) && (capturedPartitions?.includes(part.number) ?? true));
  const found = there.find((part) => part.number === number);
  if (found !== undefined) return found;
  const known = there.map((part) => part.number).join(', ') || 'none';
  throw new DeployError('invalid-input', `'${name}' holds no partition ${number}; it holds ${known}`);
}

async function checkFits({ manifest, store }: StoredImage, partition: Partition, to: TargetPartition): Promise<void> {
  const { sizeBytes, startBytes, number } = partition;
  if (to.sizeBytes < sizeBytes) {
    throw new DeployError(
      'target-too-small',
      `${to.label} has ${to.sizeBytes} bytes, partition ${number} has ${sizeBytes}`,
      {
        hint: `Restore into a partition of at least ${sizeBytes} bytes.`,
      },
    );
  }
  const { sectorSizeBytes } = manifest.geometry;
  if (to.kind === 'file' || to.sectorSizeBytes === sectorSizeBytes) return;
  const bytes = windowOf(openImageReader(store, manifest), startBytes, sizeBytes);
  const why = await whyNotConvertible(partition, bytes, to.sectorSizeBytes);
  if (why === null) return;
  throw new DeployError(
    'target-sector-size',
    `${to.label} has sectors of ${to.sectorSizeBytes} bytes, partition ${number} was captured from ${sectorSizeBytes}: ${why}`,
  );
}

/** The partition alone, where it was on its disk, and told where it will be. */
async function extractPartition(
  image: StoredImage,
  { startBytes, sizeBytes, fileSystem }: Partition,
  to: TargetPartition,
  signal: AbortSignal | undefined,
): Promise<StoredImage> {
  const bytes = windowOf(openImageReader(image.store, image.manifest), startBytes, sizeBytes);
  const moved = await moveHiddenSectors(fileSystem, bytes, startBytes, to.diskStartBytes ?? startBytes);
  const patches = moved.map((patch) => ({ ...patch, offsetBytes: startBytes + patch.offsetBytes }));
  const pieces = [{ image, fromBytes: startBytes, toBytes: startBytes, lengthBytes: sizeBytes }];
  const { geometry } = image.manifest;
  const disk = { sizeBytes: geometry.sizeBytes, sectorSizeBytes: geometry.sectorSizeBytes };
  return await composeImage(image, { ...disk, pieces, patches, describe: {} }, signal);
}

async function writePartition(
  image: StoredImage,
  partition: Partition,
  target: Target & TargetPartition,
  options: RestorePartitionOptions,
  state: { written: boolean },
) {
  /** From places in the image to places on what was opened. */
  const baseBytes = target.startBytes - partition.startBytes;
  const whole = { startBytes: partition.startBytes, lengthBytes: target.sizeBytes };
  const edges = edgesOf(partition, whole);
  const direct = baseBytes % 4096 === 0 && (await canReadDirectly(target));
  if (!direct)
    options.onWarning?.(`${target.label} cannot be read past the page cache: the read-back may have come from memory`);
  state.written = true;
  options.onProgress?.({ phase: 'discard', bytesDone: 0, bytesTotal: 0, bytesTransferred: 0 });
  await blankRanges(target, shift(edges, baseBytes));
  if (options.holes !== 'leave') {
    for (const range of shift(subtract([whole], edges), baseBytes)) await discardRange(target, range, options.signal);
  }
  const { manifest, store } = image;
  const at = { ...target, baseBytes, sizeBytes: partition.startBytes + target.sizeBytes };
  const restorer = new SlotRestorer({
    ...options,
    manifest,
    store,
    target: at,
    direct,
    heldBack: edges,
    gapBytes: 0,
  });
  try {
    await restorer.writeAll({ compare: false, zerosKnown: false });
    await flushTarget(target);
    await restorer.readBackAll();
    await writeEdges(restorer, target, edges, baseBytes);
    const { bytesFetched, bytesWritten, bytesVerified } = restorer;
    const finished = await finishPartition(image, partition, at, target, { ...options, direct });
    return { bytesFetched, bytesWritten, bytesVerified, ...finished };
  } finally {
    await restorer.close();
  }
}

/** The first and last MiB of both: where a file system's superblocks are, old ones too. */
function edgesOf({ startBytes, sizeBytes }: Partition, whole: Extent): Extent[] {
  const least = Math.min(edgeBytes, sizeBytes);
  return mergeExtents([
    { startBytes, lengthBytes: least },
    { startBytes: startBytes + sizeBytes - least, lengthBytes: least },
    { startBytes: startBytes + whole.lengthBytes - least, lengthBytes: least },
  ]);
}

async function writeEdges(
  restorer: SlotRestorer,
  target: Target,
  edges: readonly Extent[],
  baseBytes: number,
): Promise<void> {
  const first = edges.slice(0, 1);
  try {
    await restorer.writeHeldBack(edges.slice(1));
    await flushTarget(target);
    await restorer.writeHeldBack(first);
    await flushTarget(target);
    await restorer.readBackHeldBack();
  } catch (thrown) {
    await blankRanges(target, shift(first, baseBytes)).catch(() => {});
    throw thrown;
  }
}

/** As `finishRestored` does it for a disk. */
async function finishPartition(
  image: StoredImage,
  partition: Partition,
  at: Target & { readonly baseBytes: number },
  to: TargetPartition,
  options: RestorePartitionOptions & { readonly direct: boolean },
): Promise<{ grown: Growth | null; newIds: NewIds | null }> {
  const { fileSystem, fileSystemUuid: uuid, fileSystemLabel: label, reader, sizeBytes: oldSizeBytes } = partition;
  const place = { startBytes: to.startBytes, sizeBytes: to.sizeBytes };
  const number = options.toPartition ?? partition.number;
  const disk = { path: to.path, handle: at.handle, sectorSizeBytes: to.sectorSizeBytes, bootSectorStays: true };
  const rewrite = () => rewritePartition(image, partition, at, options);
  const grow = async () =>
    options.grow === true && to.sizeBytes > oldSizeBytes
      ? await growPartition(disk, { ...place, number, oldSizeBytes, fileSystem, uuid, label, reader }, rewrite)
      : null;
  let grown = await grow();
  if (options.newIds !== true) return { grown, newIds: null };
  const newIds = await renewFileSystemIds(disk, [{ ...partition, ...place, number }], async () => {
    await rewrite();
    if (grown?.fileSystemGrown) grown = await grow();
  });
  warnOfIds(newIds, options);
  return { grown, newIds };
}
