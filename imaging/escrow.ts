// What a restore saves of its target before the first write, as a small image in the store: tables and the starts of partitions, for `image undo`.
import { randomUUID } from 'node:crypto';
import { toDeployError } from '../protocol/errors.ts';
import type { Target } from './blockdev/target.ts';
import type { TargetIdentity } from './blockdev/target-identity.ts';
import { captureSegments, noParentSegment } from './chunk/capture-segments.ts';
import { intersect } from './chunk/ranges.ts';
import { defaultLevel } from './chunk/stored-chunk.ts';
import { type Extent, mergeExtents, totalBytes } from './extent.ts';
import { escrowPrefix } from './manifest/image-name.ts';
import { type Manifest, sealManifest } from './manifest/manifest.ts';
import type { PresentTarget } from './read-present-target.ts';
import type { ChunkStore, ManifestEntry } from './store/chunk-store.ts';

const mib = 2 ** 20;
/** Of each partition: superblocks, boot code and LVM's description at its start; NTFS's last sector and md's superblock at its end. */
const partitionStartBytes = mib;
const partitionEndBytes = 128 * 1024;
/** A table can name thousands; with these an escrow has 65 MiB at most, and usually a few. */
const maxPartitions = 56;

/** Escrows kept for each disk. */
const keptPerDisk = 3;

export type EscrowOptions = {
  readonly store: ChunkStore;
  /** What is about to be restored. */
  readonly image: Manifest;
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Saves what `image undo` puts back, and forgets older escrows of the disk. Answers the name it is stored under.
 * @throws source-read (nothing was written), store errors, cancelled
 */
export async function saveEscrow(
  target: Target,
  identity: TargetIdentity,
  present: PresentTarget,
  { store, image, workers, signal }: EscrowOptions,
): Promise<string> {
  const { path, label, sectorSizeBytes } = target;
  const sizeBytes = target.sizeBytes - (target.sizeBytes % sectorSizeBytes);
  const used = rangesOf(present, sizeBytes);
  const stop = signal === undefined ? {} : { signal };
  const { segments } = await captureSegments(
    { used, sizeBytes },
    {
      source: { path, label, role: 'source', mode: 'read', sectorSizeBytes },
      ...{ store, chunkSizeBytes: mib, level: defaultLevel, parentSegment: async () => noParentSegment, ...stop },
      ...(workers === undefined ? {} : { workers }),
    },
  );
  await store.flush(signal);
  const createdAt = new Date().toISOString();
  const name = `${prefixOf(identity)}${createdAt}`;
  const last = used.at(-1);
  const { id, name: imageName, rootDigest, geometry, partitions } = image;
  const fileSystemUuid = geometry.table === 'none' ? (partitions[0]?.fileSystemUuid ?? null) : null;
  const { bytes } = sealManifest({
    ...{ id: randomUUID(), name, createdAt, toolVersion: image.toolVersion },
    source: { label: label.slice(0, 4096), model: identity.model, serial: identity.serial },
    geometry: {
      ...{ sizeBytes, sectorSizeBytes: sectorSizeBytes as 512 | 4096 },
      table: present.table,
      diskId: present.diskId,
    },
    ...{ partitions: [], tableSectors: [], chunkSizeBytes: mib, usedBytes: totalBytes(used) },
    usedEndBytes: last === undefined ? 0 : last.startBytes + last.lengthBytes,
    ...{ segments, parent: null, warnings: [] },
    escrow: {
      ...{ wwn: identity.wwn, path },
      image: { id, name: imageName, rootDigest, table: geometry.table, diskId: geometry.diskId, fileSystemUuid },
    },
  });
  await store.putManifest(name, bytes, signal);
  await forgetOlderEscrows(store, name, signal).catch(unlessForbidden);
  return name;
}

/** The first and last MiB, and the start and end of partitions. In order, merged, whole sectors. */
function rangesOf({ partitions }: PresentTarget, sizeBytes: number): Extent[] {
  const ends = partitions.slice(0, maxPartitions).flatMap(({ startBytes, sizeBytes: size, container }) => [
    { startBytes, lengthBytes: Math.min(size, container ? 4096 : partitionStartBytes) },
    { startBytes: startBytes + Math.max(0, size - partitionEndBytes), lengthBytes: Math.min(size, partitionEndBytes) },
  ]);
  const edges = [0, sizeBytes - Math.min(mib, sizeBytes)].map((startBytes) => ({
    startBytes,
    lengthBytes: Math.min(mib, sizeBytes),
  }));
  return intersect(mergeExtents([...edges, ...ends]), [{ startBytes: 0, lengthBytes: sizeBytes }]);
}

/** Escrows of one disk have one prefix; their names end with the time. */
export function prefixOf({ wwn, serial, path }: TargetIdentity): string {
  const disk = (wwn ?? serial ?? path).replaceAll(/[^\p{L}\p{N}\p{P}\p{S}]+/gu, '_').slice(0, 200);
  return `${escrowPrefix}${disk}/`;
}

/** Of that disk, newest first. */
export async function listEscrows(
  store: ChunkStore,
  identity: TargetIdentity,
  signal?: AbortSignal,
): Promise<ManifestEntry[]> {
  return await listPrefix(store, prefixOf(identity), signal);
}

/** Names end with the time, and stores list in order of name. */
async function listPrefix(store: ChunkStore, prefix: string, signal?: AbortSignal): Promise<ManifestEntry[]> {
  return (await store.listManifests(signal)).filter(({ name }) => name.startsWith(prefix)).reverse();
}

/** Deletes all but the newest escrows of the disk that `name` is one of. */
export async function forgetOlderEscrows(store: ChunkStore, name: string, signal?: AbortSignal): Promise<void> {
  const prefix = name.slice(0, name.lastIndexOf('/') + 1);
  const older = (await listPrefix(store, prefix, signal)).slice(keptPerDisk);
  for (const { name: old } of older) await store.deleteManifest(old, signal);
}

/** An agent may neither list nor delete images: its server does this. */
function unlessForbidden(thrown: unknown): void {
  if (toDeployError(thrown).code !== 'forbidden') throw thrown;
}

/** Whether the target has anything worth saving. */
export function needsEscrow(target: Target, present: PresentTarget): boolean {
  return !target.isNew && target.sizeBytes >= target.sectorSizeBytes && !present.blank && present.mark === null;
}
