// What a restore saves of its target, a disk or a partition, before the first write: a small image in the store, for `image undo`.
import { randomUUID } from 'node:crypto';
import { DeployError, toDeployError } from '../protocol/errors.ts';
import type { Target } from './blockdev/target.ts';
import type { TargetIdentity } from './blockdev/target-identity.ts';
import { captureSegments, noParentSegment } from './chunk/capture-segments.ts';
import { intersect } from './chunk/ranges.ts';
import { defaultLevel } from './chunk/stored-chunk.ts';
import { type Extent, mergeExtents, totalBytes } from './extent.ts';
import type { TargetPartition } from './fit/target-partition.ts';
import { escrowPrefix, machineEscrowPrefix } from './manifest/image-name.ts';
import { type Manifest, sealManifest } from './manifest/manifest.ts';
import type { PresentPartition, PresentTarget } from './read-present-target.ts';
import type { ChunkStore, ManifestEntry } from './store/chunk-store.ts';

const mib = 2 ** 20;
/** Of each partition: superblocks, boot code and LVM's description at its start; NTFS's last sector and md's superblock at its end. */
const partitionStartBytes = mib;
const partitionEndBytes = 128 * 1024;
/** A table can name thousands; with these an escrow has 65 MiB at most, and usually a few. */
const maxPartitions = 56;

/** Escrows kept for each disk, and for each partition of it that was restored alone. */
const keptOfEach = 3;

/** The opened target and what is on it; and which partition that is, if it is one. */
export type EscrowSource = {
  readonly target: Target;
  readonly identity: TargetIdentity;
  readonly present: PresentTarget;
  readonly partition?: { readonly to: TargetPartition; readonly present: PresentPartition };
};

export type EscrowOptions = {
  readonly store: ChunkStore;
  /** What is about to be restored. */
  readonly image: Manifest;
  /** Save it. True unless told. */
  readonly escrow?: boolean;
  /** The server's id of the machine, where a server's job restores. */
  readonly machine?: string | undefined;
  readonly workers?: number | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Saves what `image undo` puts back, and forgets older escrows of it. Answers the name it is stored under, null when there is nothing worth
 * saving: an unfinished restore has saved what was there before it, and its mark has the name.
 * @throws source-read (nothing was written), store errors, cancelled
 */
export async function escrowTarget(source: EscrowSource, options: EscrowOptions): Promise<string | null> {
  const { target, present } = source;
  if (present.mark !== null) return present.mark.escrow;
  if (options.escrow === false || target.isNew || target.sizeBytes < target.sectorSizeBytes || present.blank)
    return null;
  try {
    return await saveEscrow(source, options);
  } catch (thrown) {
    const { code, message, cause, hint } = toDeployError(thrown).during('saving what is on the target first');
    const orWithout = 'Or restore without the possibility to undo it (--no-escrow).';
    throw new DeployError(code, message, { cause, hint: hint === undefined ? orWithout : `${hint} ${orWithout}` });
  }
}

async function saveEscrow(
  source: EscrowSource,
  { store, image, machine, workers, signal }: EscrowOptions,
): Promise<string> {
  const { target, identity, present, partition } = source;
  const { path, label, sectorSizeBytes } = target;
  // Places are the disk's, also where the partition is read from a node of its own.
  const sizeBytes = identity.sizeBytes - (identity.sizeBytes % sectorSizeBytes);
  const baseBytes = partition === undefined ? 0 : partition.to.startBytes - partition.to.namedStartBytes;
  const place = partition && { startBytes: partition.to.namedStartBytes, sizeBytes: partition.to.sizeBytes };
  const used = place === undefined ? rangesOf(present, sizeBytes) : edgesOf(place);
  const stop = signal === undefined ? {} : { signal };
  const { segments } = await captureSegments(
    { used, sizeBytes },
    {
      source: { path, label, role: 'source', mode: 'read', sectorSizeBytes, baseBytes },
      ...{ store, chunkSizeBytes: mib, level: defaultLevel, parentSegment: async () => noParentSegment, ...stop },
      ...(workers === undefined ? {} : { workers }),
    },
  );
  await store.flush(signal);
  const createdAt = new Date().toISOString();
  const number = partition?.to.number;
  const name = `${prefixOf(identity, machine)}${number === undefined ? '' : `partition-${number}/`}${createdAt}`;
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
    ...{ partitions: [], tableSectors: [...(partition?.present.tableSectors ?? [])] },
    ...{ chunkSizeBytes: mib, usedBytes: totalBytes(used) },
    usedEndBytes: last === undefined ? 0 : last.startBytes + last.lengthBytes,
    ...{ segments, parent: null, warnings: [] },
    escrow: {
      ...{ wwn: identity.wwn, path: identity.path },
      ...(place === undefined || number === undefined ? {} : { partition: { number, ...place } }),
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
  const edges = edgesOf({ startBytes: 0, sizeBytes });
  return intersect(mergeExtents([...edges, ...ends]), [{ startBytes: 0, lengthBytes: sizeBytes }]);
}

/** The first and last MiB. */
function edgesOf({ startBytes, sizeBytes }: { readonly startBytes: number; readonly sizeBytes: number }): Extent[] {
  const lengthBytes = Math.min(mib, sizeBytes);
  return mergeExtents([
    { startBytes, lengthBytes },
    { startBytes: startBytes + sizeBytes - lengthBytes, lengthBytes },
  ]);
}

/** Escrows of one disk in one machine have one prefix, followed by the partition if it is of one; their names end with the time. */
export function prefixOf({ wwn, serial, path }: TargetIdentity, machine: string | undefined): string {
  const disk = (wwn ?? serial ?? path).replaceAll(/[^\p{L}\p{N}\p{P}\p{S}]+/gu, '_').slice(0, 200);
  return `${machine === undefined ? escrowPrefix : machineEscrowPrefix(machine)}${disk}/`;
}

/** Of that disk, in that machine, and of its partitions, newest first. */
export async function listEscrows(
  store: ChunkStore,
  { identity, machine }: { readonly identity: TargetIdentity; readonly machine: string | undefined },
  signal?: AbortSignal,
): Promise<ManifestEntry[]> {
  const prefix = prefixOf(identity, machine);
  const all = (await store.listManifests(signal)).filter(({ name }) => name.startsWith(prefix));
  return all.sort((a, b) => timeOf(b.name).localeCompare(timeOf(a.name)));
}

/** Deletes all but the newest escrows of the disk, or of the partition, that `name` is one of. */
export async function forgetOlderEscrows(store: ChunkStore, name: string, signal?: AbortSignal): Promise<void> {
  const folderOf = (escrow: string) => escrow.slice(0, escrow.lastIndexOf('/'));
  const all = (await store.listManifests(signal)).map((entry) => entry.name);
  // Names end with the time, and stores list in order of name.
  const older = all.filter((other) => folderOf(other) === folderOf(name)).slice(0, -keptOfEach);
  for (const old of older) await store.deleteManifest(old, signal);
}

function timeOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}

/** An agent may neither list nor delete images: its server does this. */
function unlessForbidden(thrown: unknown): void {
  if (toDeployError(thrown).code !== 'forbidden') throw thrown;
}
