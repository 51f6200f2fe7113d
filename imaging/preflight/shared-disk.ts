// Whether other machines may be writing to a disk: it carries a cluster's file system, or they have registered with it (R24).
import { type ByteReader, windowOf } from '../blockdev/byte-reader.ts';
import { openReader } from '../blockdev/open-reader.ts';
import type { Reservations } from '../blockdev/reservations.ts';
import { type LvmGroup, type LvmVolume, readGroup } from '../fs/lvm-group.ts';
import { findCopies, readerOfLeg } from '../fs/lvm-legs.ts';
import { findSignatures } from '../fs/signatures.ts';
import { readTable } from '../partition/read-table.ts';
import { type Content, describePlace, type Finding } from './finding.ts';

/** What makes a disk a shared one. */
export type SharedFacts = {
  readonly clusterFileSystems: readonly ClusterFileSystem[];
  /** Null where it cannot be told. */
  readonly reservations: Reservations | null;
};

export type ClusterFileSystem = { readonly partition: number; readonly volume?: string; readonly fileSystem: string };

const names: Readonly<Record<string, string>> = {
  ocfs2: 'OCFS2',
  gfs2: 'GFS2',
  VMFS: 'VMFS',
  VMFS_volume_member: 'VMFS',
};

/** `doing` is what is about to happen to the disk: `captured`, `overwritten`. */
export function findShared(
  { clusterFileSystems, reservations }: SharedFacts,
  { allowShared, doing }: { allowShared: boolean; doing: 'captured' | 'overwritten' },
): Finding[] {
  const why =
    doing === 'captured'
      ? 'what is read while others write does not fit together'
      : 'every machine of the cluster would lose it, and they go on writing to it';
  const severity: Finding['severity'] = allowShared ? 'warning' : 'refusal';
  const onDisk = clusterFileSystems.map(({ partition, volume, fileSystem }) => ({
    code: 'cluster-file-system' as const,
    severity,
    partition,
    message: `${describePlace(partition, volume)}${names[fileSystem]} is a cluster's file system: other machines may have the disk in use, and ${why}`,
    advice: `Unmount it on every machine of the cluster, or use the means of the cluster or the storage; ${override}`,
  }));
  const reserved = describeReserved(reservations).map((who) => ({
    ...{ code: 'disk-reserved' as const, severity, partition: null, message: `${who}, and ${why}` },
    advice: `Take the disk out of the cluster first (its own tools, or sg_persist --out --clear); ${override}`,
  }));
  return [...onDisk, ...reserved];
}

const override = '--allow-shared (scenario: allowShared) goes on all the same.';

function describeReserved(reservations: Reservations | null): string[] {
  if (reservations === null || reservations.keys.length === 0) return [];
  const { keys, holder } = reservations;
  const who = `${keys.length === 1 ? 'another machine has' : 'other machines have'} registered with the disk (SCSI-3 persistent reservations, keys ${keys.slice(0, 8).join(', ')})`;
  return [holder === null ? who : `${who} and reserved it (${holder.type})`];
}

/** Of a map's or manifest's partitions, and of the volumes in them. */
export function listClusterFileSystems(partitions: readonly Content[]): ClusterFileSystem[] {
  return partitions.flatMap(({ number, fileSystem, volumes = [] }) => [
    ...(isCluster(fileSystem) ? [{ partition: number, fileSystem }] : []),
    ...volumes.flatMap((volume) =>
      isCluster(volume.fileSystem) ? [{ partition: number, volume: volume.name, fileSystem: volume.fileSystem }] : [],
    ),
  ]);
}

function isCluster(fileSystem: string | null): fileSystem is string {
  return fileSystem !== null && Object.hasOwn(names, fileSystem);
}

/** What is on the disk or file at `path` now, in logical volumes, too. What cannot be read has no name: the restore itself will say so. */
export async function findClusterFileSystems(path: string): Promise<ClusterFileSystem[]> {
  const reader = await openReader(path).catch(() => null);
  if (reader === null) return [];
  try {
    const found = await readTable(reader).catch(() => null);
    const partitions = found?.kind === 'table' ? found.table.partitions.filter(({ container }) => !container) : [];
    const places = [{ number: 0, startBytes: 0, sizeBytes: reader.sizeBytes }, ...partitions];
    const clusters: ClusterFileSystem[] = [];
    for (const { number, startBytes, sizeBytes } of places) {
      if (startBytes + sizeBytes > reader.sizeBytes) continue;
      const bytes = windowOf(reader, startBytes, sizeBytes);
      const fileSystem = await nameCluster(bytes);
      if (fileSystem !== null) clusters.push({ partition: number, fileSystem });
      clusters.push(...(await findInVolumes(number, bytes)));
    }
    return clusters;
  } finally {
    await reader.close();
  }
}

/** Looked at are the first volumes of a group; a larger one than this is not read from end to end. */
const maxVolumes = 1000;

/** Of a group that several machines share, too: that is where clusters keep theirs. */
async function findInVolumes(partition: number, bytes: ByteReader): Promise<ClusterFileSystem[]> {
  const group = await readGroup(bytes, { allowShared: true }).catch(() => null);
  const clusters: ClusterFileSystem[] = [];
  for (const volume of group?.volumes.slice(0, maxVolumes) ?? []) {
    const start = group === null ? null : startOf(bytes, group, volume);
    const fileSystem = start === null ? null : await nameCluster(start);
    if (fileSystem !== null) clusters.push({ partition, volume: `${group?.name}/${volume.name}`, fileSystem });
  }
  return clusters;
}

/** A volume, or as much from its start on as lies on this physical volume in one piece; null where nothing does. */
function startOf(bytes: ByteReader, group: LvmGroup, volume: LvmVolume): ByteReader | null {
  const copies = findCopies(group, volume);
  const [leg] = typeof copies === 'string' ? [] : copies;
  if (leg !== undefined) return readerOfLeg(bytes, leg, volume.name);
  const area = volume.segments[0]?.areas[0];
  if (area === undefined || area === null) return null;
  const startBytes = group.dataAtBytes + area.firstExtent * group.extentBytes;
  const sizeBytes = Math.min(area.extentCount * group.extentBytes, bytes.sizeBytes - startBytes);
  return sizeBytes > 0 ? windowOf(bytes, startBytes, sizeBytes) : null;
}

async function nameCluster(bytes: ByteReader): Promise<string | null> {
  const signatures = await findSignatures(bytes).catch(() => []);
  return signatures.map(({ name }) => name).find(isCluster) ?? null;
}
