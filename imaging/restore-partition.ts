// The recipe of a restore of one partition: as of a disk, into a partition that is there, and not a byte elsewhere.
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { openTarget, rereadPartitions, type Target } from './blockdev/target.ts';
import { identifyTarget } from './blockdev/target-identity.ts';
import { escrowTarget } from './escrow.ts';
import { warnOfIds } from './finish-restored.ts';
import type { ExtractedPartition } from './fit/extract-partition.ts';
import { type Growth, growPartition } from './fit/grow-partition.ts';
import type { NewIds } from './fit/new-ids.ts';
import { renewFileSystemIds } from './fit/renew-ids.ts';
import { rewritePartition } from './fit/rewrite-partition.ts';
import { asPartition, type TargetPartition } from './fit/target-partition.ts';
import {
  checkPartitionPlan,
  type PartitionPlan,
  type PlanPartitionOptions,
  type PreparedPartition,
  preparePartition,
} from './plan-partition.ts';
import { checkTables } from './plan-restore.ts';
import type { Finding } from './preflight/finding.ts';
import { readPresentPartition, readPresentTarget } from './read-present-target.ts';
import { checkLoss } from './restore.ts';
import type { Digest } from './store/chunk-store.ts';
import { canReadDirectly, type WriteImageOptions, type WrittenImage, writeImage } from './write-image.ts';

/** `partition` is the image's. `toPartition` is the target's: the same number unless told; 0 is all of the target, which may be a partition's own node. */
export type RestorePartitionOptions = WriteImageOptions &
  PlanPartitionOptions & {
    /** Restore also out of an image of which bytes are lost. */
    readonly acceptLost?: boolean;
    /** What was approved (`planPartition`): anything that differs refuses the restore before its first write. */
    readonly plan?: PartitionPlan;
    /** The digest of the whole target's first and last MiB that was approved; another refuses the restore before its first write. */
    readonly approvedTables?: Digest;
    /** Asked last, right before the first write: what it throws refuses the restore. */
    readonly confirmTarget?: () => Promise<void>;
    /** Save the starts and ends of what is overwritten in the store first, for `undoRestore`. True unless told. */
    readonly escrow?: boolean;
    /** The server's id of the machine whose job this is: `undoRestore` asks for it. */
    readonly machine?: string | undefined;
  };

export type RestorePartitionResult = Omit<WrittenImage, 'rootDigest'> & {
  readonly partition: number;
  readonly toPartition: number;
  /** What was saved in the store, for `undoRestore`; null where there was nothing to save. */
  readonly escrow: string | null;
  readonly grown: Growth | null;
  readonly newIds: NewIds | null;
  readonly warnings: readonly string[];
  /** What was found before the first write. */
  readonly findings: readonly Finding[];
};

/**
 * Writes one partition of an image into a partition of the target and reads it back; every other byte of the target stays.
 * @throws image-not-found, invalid-input (no such partition), target-…, tool-missing (nothing written), chunk-…, target-write, read-back-mismatch, cancelled
 */
export async function restorePartition(given: RestorePartitionOptions): Promise<RestorePartitionResult> {
  const warnings: string[] = [];
  const onWarning = (message: string) => {
    warnings.push(message);
    given.onWarning?.(message);
  };
  const state = { written: false };
  try {
    return { ...(await restoreInto({ ...given, onWarning }, state)), warnings };
  } catch (thrown) {
    throw withState(toDeployError(thrown), given, state.written);
  }
}

async function restoreInto(
  options: RestorePartitionOptions,
  state: { written: boolean },
): Promise<Omit<RestorePartitionResult, 'warnings'>> {
  const { targetPath, partition: from, toPartition = from } = options;
  const { captured, to, extracted, volume, findings } = await preparePartition(options);
  checkLoss(captured, options);
  const { startBytes, sizeBytes } = extracted.partition;
  const { manifest, store: chunks } = extracted.image;
  const target = asPartition(await openTarget({ ...to, exists: true }, 0), to, startBytes);
  try {
    const identity = await identifyTarget(targetPath, to.named);
    const present = await readPresentPartition(targetPath, to);
    if (options.plan !== undefined) {
      checkPartitionPlan(options.plan, { manifest: captured, from, to, identity, present });
    }
    if (options.approvedTables !== undefined) {
      checkTables(
        options.approvedTables,
        identity,
        await readPresentTarget({ path: targetPath, sizeBytes: to.named.sizeBytes }),
      );
    }
    const part = toPartition === 0 ? {} : { partition: { to, present } };
    const escrow = await escrowTarget({ target, identity, present, ...part }, { ...options, image: manifest });
    const opened = { target, present, escrow, diskToImageBytes: startBytes - to.namedStartBytes };
    await options.confirmTarget?.();
    const { rootDigest, ...written } = await writeImage(manifest, opened, { ...options, store: chunks }, state);
    const finished = await finishPartition({ ...extracted, volume }, target, to, options);
    return { ...written, partition: from, toPartition, sizeBytes, escrow, ...finished, findings };
  } finally {
    await target.handle.close();
    if (state.written && toPartition === 0) await rereadPartitions(target);
  }
}

/** As `finishRestored` does it for a disk. */
async function finishPartition(
  { partition, image, volume }: ExtractedPartition & Pick<PreparedPartition, 'volume'>,
  target: Target,
  to: TargetPartition,
  options: RestorePartitionOptions,
): Promise<{ grown: Growth | null; newIds: NewIds | null }> {
  const { fileSystem, fileSystemUuid: uuid, fileSystemLabel: label, reader, sizeBytes: oldSizeBytes } = partition;
  const { number, path, startBytes, sizeBytes, sectorSizeBytes } = to;
  const place = { number, startBytes, sizeBytes };
  const opened = { path, handle: target.handle, sectorSizeBytes, bootSectorStays: true };
  const direct = await canReadDirectly(target);
  const rewrite = () => rewritePartition(image, partition, target, { ...options, direct });
  const grow = async () =>
    options.grow === true && sizeBytes > oldSizeBytes
      ? await growPartition(opened, { ...place, oldSizeBytes, fileSystem, uuid, label, reader, volume }, rewrite)
      : null;
  let grown = await grow();
  if (options.newIds !== true) return { grown, newIds: null };
  const newIds = await renewFileSystemIds(opened, [{ ...partition, ...place }], async () => {
    await rewrite();
    if (grown?.fileSystemGrown) grown = await grow();
  });
  warnOfIds(newIds, options);
  return { grown, newIds };
}

function withState(error: DeployError, options: RestorePartitionOptions, written: boolean): DeployError {
  const { imageName, targetPath, partition, toPartition = partition } = options;
  const what = toPartition === 0 ? targetPath : `partition ${toPartition} of ${targetPath}`;
  const state = written
    ? `${what} is incomplete; its first MiB is blank (a mark in it says what was on its way)`
    : 'nothing was written';
  const hint = error.hint ?? (written ? 'Restore again when the cause is removed.' : undefined);
  const doing = `restoring partition ${partition} of '${imageName}' into ${what}`;
  return new DeployError(error.code, `${doing}: ${error.message}. ${state}`, {
    cause: error.cause ?? error,
    ...(hint === undefined ? {} : { hint }),
  });
}
