// The recipe that takes a restore back as far as that goes: the tables and starts of partitions that it saved return to the disk and are read back.
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { windowOf } from './blockdev/byte-reader.ts';
import { checkTarget } from './blockdev/check-target.ts';
import { describeDiskFile, openReader, statDiskFile } from './blockdev/open-reader.ts';
import { openTarget, rereadPartitions, type Target } from './blockdev/target.ts';
import { identifyTarget, type TargetIdentity } from './blockdev/target-identity.ts';
import { listEscrows, prefixOf } from './escrow.ts';
import { asPartition, findTargetPartition } from './fit/target-partition.ts';
import { readFileSystem } from './fs/detect.ts';
import { machineOfEscrow } from './manifest/image-name.ts';
import { loadManifest } from './manifest/load-image.ts';
import type { Manifest } from './manifest/manifest.ts';
import type { Place } from './partition/table-change.ts';
import type { RunOptions } from './progress.ts';
import { readPresentPartition, readPresentTarget } from './read-present-target.ts';
import type { ChunkStore } from './store/chunk-store.ts';
import { type WriteTarget, type WrittenImage, writeImage } from './write-image.ts';

export type UndoOptions = RunOptions & {
  readonly targetPath: string;
  readonly store: ChunkStore;
  /** Which of the disk's escrows; the newest unless told. */
  readonly escrowName?: string;
  /** The server's id of the machine whose job saved it. Without it, only what a person's own restore has saved is looked for. */
  readonly machine?: string;
  /** Put it back also where the disk does not hold what that restore wrote. It must still be the same disk. */
  readonly force?: boolean;
  readonly allowMember?: boolean;
  readonly workers?: number;
};

export type UndoResult = Pick<WrittenImage, 'bytesWritten' | 'bytesVerified' | 'seconds'> & {
  readonly escrow: string;
  readonly savedAt: string;
  /** Null for a whole disk. */
  readonly partition: number | null;
  /** The image whose restore was taken back. */
  readonly imageName: string;
};

/**
 * Puts back what the newest restore onto this disk, or into a partition of it, saved before its first write. Data that the restore overwrote or discarded does not return.
 * @throws escrow-not-found, target-changed (not the same disk, or it holds something else by now), target-… (nothing written), target-write, read-back-mismatch
 */
export async function undoRestore(options: UndoOptions): Promise<UndoResult> {
  const { targetPath, store } = options;
  const state = { written: false };
  try {
    const facts = await describeDiskFile(targetPath, await statDiskFile(targetPath));
    const manifest = await findEscrow(await identifyTarget(targetPath, { ...facts, exists: true }), options);
    const { name, createdAt, escrow } = manifest;
    const partition = escrow?.partition ?? null;
    const opened = partition === null ? await openDisk(name, options) : await openPartition(name, partition, options);
    try {
      if (options.force !== true) await checkWrittenBy(manifest, opened);
      const written = await writeImage(manifest, opened, { ...options, store, holes: 'leave', delta: 'never' }, state);
      const { bytesWritten, bytesVerified, seconds } = written;
      const which = { escrow: name, savedAt: createdAt, imageName: escrow?.image.name ?? '' };
      return { ...which, partition: partition?.number ?? null, bytesWritten, bytesVerified, seconds };
    } finally {
      await opened.target.handle.close();
      if (state.written && partition === null) await rereadPartitions(opened.target);
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

/** What is to be written, and the id of the file system on it when that is asked for. */
type Opened = WriteTarget & { readonly readUuid: () => Promise<string | null> };

async function openDisk(escrow: string, { targetPath, allowMember = false }: UndoOptions): Promise<Opened> {
  const facts = await checkTarget(targetPath, { allowMember });
  const target = await openTarget({ ...facts, path: targetPath }, facts.sizeBytes);
  const place = { path: targetPath, startBytes: 0, sizeBytes: facts.sizeBytes };
  return await closingOnError(target, async () => ({
    ...{ target, present: await readPresentTarget(target), escrow },
    readUuid: () => fileSystemUuidOf(place),
  }));
}

/** Places in such an escrow are those of the disk. Systems beside the partition may run. */
async function openPartition(
  escrow: string,
  { number, startBytes, sizeBytes }: NonNullable<NonNullable<Manifest['escrow']>['partition']>,
  { targetPath, allowMember = false }: UndoOptions,
): Promise<Opened> {
  const to = await findTargetPartition(targetPath, number, { allowMember });
  if (to.namedStartBytes !== startBytes || to.sizeBytes !== sizeBytes) {
    throw new DeployError('target-changed', `partition ${number} is not where it was when its start was saved`);
  }
  const target = asPartition(await openTarget({ ...to, exists: true }, 0), to, startBytes);
  return await closingOnError(target, async () => ({
    ...{ target, present: await readPresentPartition(targetPath, to), escrow, diskToImageBytes: 0 },
    readUuid: () => fileSystemUuidOf(to),
  }));
}

async function closingOnError<Result>({ handle }: Target, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
}

async function findEscrow(
  identity: TargetIdentity,
  { store, escrowName, machine, signal }: UndoOptions,
): Promise<Manifest> {
  const sizeBytes = identity.sizeBytes - (identity.sizeBytes % identity.sectorSizeBytes);
  const owner = escrowName === undefined ? machine : (machineOfEscrow(escrowName) ?? undefined);
  const saved = escrowName === undefined ? await listEscrows(store, { identity, machine: owner }, signal) : [];
  // A partition's own node has the serial number of its disk.
  const name = escrowName ?? (saved.find((entry) => entry.sizeBytes === sizeBytes) ?? saved[0])?.name;
  const hint = {
    hint: 'List what is there with `deploy-os image undo --list`. Of what a job of a server has saved, say of which machine (--machine) or which (--saved).',
  };
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
  if (same && name.startsWith(prefixOf(identity, owner)) && geometry.sizeBytes === sizeBytes) return manifest;
  throw new DeployError(
    'target-changed',
    `'${name}' was saved of another disk (${source.label}) than ${identity.label}`,
    hint,
  );
}

/** It was left unfinished by that restore, or bears the ids of its image. Later changes inside its file systems do not matter. */
async function checkWrittenBy({ name, escrow }: Manifest, { present, readUuid }: Opened): Promise<void> {
  const { mark, table, diskId } = present;
  const image = escrow?.image;
  if (mark?.escrow === name) return;
  const isPartition = escrow?.partition !== undefined;
  const sameTable = isPartition || (image?.table === table && image.diskId === diskId);
  const idIsTable = !isPartition && table !== 'none';
  if (sameTable && (idIsTable || image?.fileSystemUuid === (await readUuid()))) return;
  const what = isPartition ? 'partition' : 'disk';
  throw new DeployError('target-changed', `the ${what} does not hold what the restore of '${image?.name}' wrote`, {
    hint: 'Something else was written to it since. To put the old tables back all the same, say --force.',
  });
}

async function fileSystemUuidOf({ path, startBytes, sizeBytes }: Place & { path: string }): Promise<string | null> {
  const reader = await openReader(path);
  const window = windowOf(reader, startBytes, sizeBytes);
  return (await readFileSystem(window).finally(() => reader.close())).uuid;
}
