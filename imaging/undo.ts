// The recipe that takes a restore back as far as that goes: the tables and starts of partitions that it saved return to the disk and are read back.
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { checkTarget } from './blockdev/check-target.ts';
import { openReader } from './blockdev/open-reader.ts';
import { openTarget, rereadPartitions } from './blockdev/target.ts';
import { identifyTarget, type TargetIdentity } from './blockdev/target-identity.ts';
import { listEscrows, prefixOf } from './escrow.ts';
import { readFileSystem } from './fs/detect.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { RunOptions } from './progress.ts';
import { type PresentTarget, readPresentTarget } from './read-present-target.ts';
import type { ChunkStore } from './store/chunk-store.ts';
import { type WrittenImage, writeImage } from './write-image.ts';

export type UndoOptions = RunOptions & {
  readonly targetPath: string;
  readonly store: ChunkStore;
  /** Which of the disk's escrows; the newest unless told. */
  readonly escrowName?: string;
  /** Put it back also where the disk does not hold what that restore wrote. It must still be the same disk. */
  readonly force?: boolean;
  readonly allowMember?: boolean;
  readonly workers?: number;
};

export type UndoResult = Pick<WrittenImage, 'bytesWritten' | 'bytesVerified' | 'seconds'> & {
  readonly escrow: string;
  readonly savedAt: string;
  /** The image whose restore was taken back. */
  readonly imageName: string;
};

/**
 * Puts back what the newest restore onto this disk saved before its first write. Data that the restore overwrote or discarded does not return.
 * @throws escrow-not-found, target-changed (not the same disk, or it holds something else by now), target-… (nothing written), target-write, read-back-mismatch
 */
export async function undoRestore(options: UndoOptions): Promise<UndoResult> {
  const { targetPath, store } = options;
  const state = { written: false };
  try {
    const facts = await checkTarget(targetPath, { allowMember: options.allowMember ?? false });
    if (!facts.exists) throw new DeployError('device-not-found', `there is no ${targetPath}`);
    const identity = await identifyTarget(targetPath, facts);
    const manifest = await findEscrow(identity, options);
    const target = await openTarget({ ...facts, path: targetPath }, facts.sizeBytes);
    try {
      const present = await readPresentTarget(target);
      if (options.force !== true) await checkWrittenBy(manifest, targetPath, present);
      const opened = { target, present, escrow: manifest.name };
      const written = await writeImage(manifest, opened, { ...options, store, holes: 'leave', delta: 'never' }, state);
      const { bytesWritten, bytesVerified, seconds } = written;
      const imageName = manifest.escrow?.image.name ?? '';
      return { escrow: manifest.name, savedAt: manifest.createdAt, imageName, bytesWritten, bytesVerified, seconds };
    } finally {
      await target.handle.close();
      if (state.written) await rereadPartitions(target);
    }
  } catch (thrown) {
    const now = state.written ? 'its first MiB is blank; undo again when the cause is removed' : 'nothing was written';
    const { code, message, cause, hint } = toDeployError(thrown);
    throw new DeployError(code, `undoing the restore of ${targetPath}: ${message}. ${now}`, {
      cause: cause ?? thrown,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

async function findEscrow(identity: TargetIdentity, { store, escrowName, signal }: UndoOptions): Promise<Manifest> {
  const name = escrowName ?? (await listEscrows(store, identity, signal))[0]?.name;
  const hint = { hint: 'List what is there with `deploy-os image undo --list`.' };
  if (name === undefined) {
    throw new DeployError(
      'escrow-not-found',
      `no restore has saved anything of ${identity.label} in ${store.label}`,
      hint,
    );
  }
  const manifest = await loadManifest(store, name, signal);
  const { escrow, geometry, source } = manifest;
  const same = escrow !== undefined && escrow.wwn === identity.wwn && source.serial === identity.serial;
  const sizeBytes = identity.sizeBytes - (identity.sizeBytes % identity.sectorSizeBytes);
  if (same && name.startsWith(prefixOf(identity)) && geometry.sizeBytes === sizeBytes) return manifest;
  throw new DeployError(
    'target-changed',
    `'${name}' was saved of another disk (${source.label}) than ${identity.label}`,
    hint,
  );
}

/** The disk was left unfinished by that restore, or bears the ids of its image. Later changes inside its file systems do not matter. */
async function checkWrittenBy(
  { name, escrow }: Manifest,
  path: string,
  { mark, table, diskId }: PresentTarget,
): Promise<void> {
  const image = escrow?.image;
  if (mark?.escrow === name) return;
  const sameTable = image?.table === table && image.diskId === diskId;
  if (sameTable && (table !== 'none' || image.fileSystemUuid === (await fileSystemUuidOf(path)))) return;
  throw new DeployError('target-changed', `the disk does not hold what the restore of '${image?.name}' wrote`, {
    hint: 'Something else was written to it since. To put the old tables back all the same, say --force.',
  });
}

async function fileSystemUuidOf(path: string): Promise<string | null> {
  const reader = await openReader(path);
  return (await readFileSystem(reader).finally(() => reader.close())).uuid;
}
