// The recipe of a restore: check the target, fit the image to it, open it exclusively, write, read back, grow, give new ids.
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { checkTarget } from './blockdev/check-target.ts';
import { openTarget, rereadPartitions } from './blockdev/target.ts';
import { identifyTarget } from './blockdev/target-identity.ts';
import { escrowTarget } from './escrow.ts';
import { finishRestored, planFinish } from './finish-restored.ts';
import type { FitOptions } from './fit/fit-image.ts';
import type { Growth } from './fit/grow-partition.ts';
import type { NewIds } from './fit/new-ids.ts';
import { requirePrograms } from './fit/require-programs.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import { checkPlan, checkTables, type RestorePlan } from './plan-restore.ts';
import { type CheckRestoreOptions, checkRestore } from './preflight/check-restore.ts';
import type { Finding } from './preflight/finding.ts';
import { readPresentTarget } from './read-present-target.ts';
import { describeLost } from './rescue/describe-loss.ts';
import type { MachineSettings, SettingsResult } from './settings/settings.ts';
import { fitOrShrink } from './shrink/fit-shrunk.ts';
import type { Digest } from './store/chunk-store.ts';
import { type WriteImageOptions, type WrittenImage, writeImage } from './write-image.ts';

export type RestoreOptions = WriteImageOptions &
  Pick<CheckRestoreOptions, 'allowShared' | 'firmware' | 'onFinding'> & {
    readonly imageName: string;
    /** A disk, or a disk file; one that does not exist is made. */
    readonly targetPath: string;
    /** Make one file system smaller if the target is too small: on an overlay; the image stays as it is. */
    readonly shrink?: boolean;
    readonly allowMember?: boolean;
    /** Restore also an image of which bytes are lost. */
    readonly acceptLost?: boolean;
    /** What was approved (`planRestore`): anything that differs refuses the restore before its first write. */
    readonly plan?: RestorePlan;
    /** The digest of the target's first and last MiB that was approved; another refuses the restore before its first write. */
    readonly approvedTables?: Digest;
    /** Asked last, right before the first write: what it throws refuses the restore. */
    readonly confirmTarget?: () => Promise<void>;
    /** Save the target's tables and the starts of its partitions in the store first, for `undoRestore`. True unless told. */
    readonly escrow?: boolean;
    /** The server's id of the machine whose job this is: `undoRestore` asks for it. */
    readonly machine?: string | undefined;
    /** The partition that takes the free space of a larger disk, with its file system; none unless told. */
    readonly grow?: FitOptions['grow'];
    /** The logical volume in it that takes the room, where that partition is a physical volume. */
    readonly growVolume?: FitOptions['growVolume'];
    /** Table and file systems get new ids, so that the disk can be used beside the one that was captured. */
    readonly newIds?: boolean;
  } & MachineSettings;

export type RestoreResult = WrittenImage & {
  /** What was saved of the target in the store, for `undoRestore`; null where there was nothing to save. */
  readonly escrow: string | null;
  /** The partition that was given room, and whether its file system took it; null where none was. */
  readonly grown: Growth | null;
  /** Which ids are new, and which could not be; null where none were asked for. */
  readonly newIds: NewIds | null;
  /** What its systems have of their own now; null where nothing was asked for. */
  readonly settings: SettingsResult | null;
  readonly warnings: readonly string[];
  /** What was found before the first write. */
  readonly findings: readonly Finding[];
};

/**
 * Writes an image onto a disk and reads all of it back. When it returns, what is on the medium is what was captured.
 * @throws image-not-found, manifest-corrupt, target-…, disk-locked, shared-disk, tool-missing (nothing written), chunk-…, target-write, read-back-mismatch, cancelled (target blanked)
 */
export async function restoreImage(given: RestoreOptions): Promise<RestoreResult> {
  const warnings: string[] = [];
  const options = { ...given, onWarning: (message: string) => warn(message, warnings, given) };
  const { store, signal, imageName, targetPath } = options;
  const state = { written: false };
  try {
    const captured = await loadManifest(store, imageName, signal);
    checkLoss(captured, options);
    refuseEscrow(captured);
    const facts = await checkTarget(targetPath, { allowMember: options.allowMember ?? false });
    const findings = await checkRestore(captured, options);
    await using fitted = await fitOrShrink({ manifest: captured, store }, facts, options);
    await requirePrograms(planFinish(captured, fitted, options));
    const target = await openTarget({ ...facts, path: targetPath }, captured.geometry.sizeBytes);
    try {
      const identity = await identifyTarget(targetPath, facts);
      const present = await readPresentTarget(target);
      if (options.plan !== undefined) checkPlan(options.plan, captured, identity, present);
      checkTables(options.approvedTables, identity, present);
      const escrow = await escrowTarget({ target, identity, present }, { ...options, image: fitted.manifest });
      const opened = { target, present, escrow };
      await options.confirmTarget?.();
      const written = await writeImage(fitted.manifest, opened, { ...options, store: fitted.store }, state);
      const finished = await finishRestored(captured, fitted, target, options);
      const { rootDigest, geometry } = captured;
      return { ...written, rootDigest, sizeBytes: geometry.sizeBytes, escrow, ...finished, warnings, findings };
    } finally {
      await target.handle.close();
      if (state.written) await rereadPartitions(target);
    }
  } catch (thrown) {
    throw withState(toDeployError(thrown), options, state.written);
  }
}

function refuseEscrow({ name, escrow }: Manifest): void {
  if (escrow === undefined) return;
  throw new DeployError('invalid-input', `'${name}' is what a restore saved of its target, no image of a disk`, {
    hint: 'Put it back with `deploy-os image undo`.',
  });
}

/** Zeros where a disk had data are worse than no disk to whoever does not know: it has to be asked for. */
export function checkLoss(
  manifest: Manifest,
  { acceptLost, onWarning }: Pick<RestoreOptions, 'acceptLost' | 'onWarning'>,
): void {
  const loss = describeLost(manifest);
  if (loss === null) return;
  onWarning?.(loss);
  if (acceptLost === true) return;
  throw new DeployError('image-lossy', loss, {
    hint: '`deploy-os image show` lists what is known of the files. --accept-lost restores it all the same.',
  });
}

function warn(message: string, warnings: string[], { onWarning }: RestoreOptions): void {
  warnings.push(message);
  onWarning?.(message);
}

function withState(error: DeployError, { imageName, targetPath }: RestoreOptions, written: boolean): DeployError {
  const state = written
    ? `${targetPath} is incomplete; its first MiB is blank, so it does not boot (a mark in it says what was on its way)`
    : 'nothing was written';
  const hint = error.hint ?? (written ? 'Restore again when the cause is removed.' : undefined);
  return new DeployError(error.code, `restoring '${imageName}' to ${targetPath}: ${error.message}. ${state}`, {
    cause: error.cause ?? error,
    ...(hint === undefined ? {} : { hint }),
  });
}
