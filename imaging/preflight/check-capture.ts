// The step of a capture between map and first chunk: what is on the disk is looked at, told, and goes into the manifest. `image preflight` is this alone.
import { readReservations } from '../blockdev/reservations.ts';
import type { DiskMap } from '../disk-map.ts';
import type { System } from '../manifest/system.ts';
import { findForCapture } from './capture-findings.ts';
import { findSystems } from './find-systems.ts';
import { type Finding, type FindingOptions, report } from './finding.ts';
import { type ClusterFileSystem, findClusterFileSystems, listClusterFileSystems } from './shared-disk.ts';

export type InspectOptions = {
  readonly signal?: AbortSignal;
  /** Go on although other machines may use the disk. */
  readonly allowShared?: boolean;
  /** Only these partitions are captured. */
  readonly partitions?: readonly number[];
  readonly rescue?: boolean;
};

export type CheckedCapture = { readonly systems: readonly System[]; readonly findings: readonly Finding[] };

/** @throws shared-disk; cancelled */
export async function checkCapture(
  path: string,
  map: DiskMap,
  options: InspectOptions & FindingOptions,
): Promise<CheckedCapture> {
  const inspected = await inspectSource(path, map, options);
  report(inspected.findings, options);
  return inspected;
}

/** Refuses nothing. @throws cancelled */
export async function inspectSource(path: string, map: DiskMap, options: InspectOptions): Promise<CheckedCapture> {
  const { partitions: numbers, allowShared = false, rescue = false, signal } = options;
  const partitions = map.partitions.filter(({ number }) => numbers?.includes(number) ?? true);
  // A failing disk is not read more than the image needs.
  const nothing = { systems: [], unknown: [{ partition: 0, reason: 'the disk is rescued' }], unclean: [] };
  const found = rescue ? nothing : await findSystems(path, { ...map, partitions }, signal);
  // The cluster shares the disk, not a partition.
  const clusterFileSystems = listClusterFileSystems(map.partitions);
  // The map does not look into a group that several machines share.
  const onDisk = rescue ? [] : await findClusterFileSystems(path);
  clusterFileSystems.push(...onDisk.filter((found) => isNew(found, clusterFileSystems)));
  const reservations = await readReservations(path, signal);
  const findings = findForCapture({ ...found, partitions, clusterFileSystems, reservations }, allowShared);
  return { systems: found.systems, findings };
}

function isNew({ partition, volume }: ClusterFileSystem, known: readonly ClusterFileSystem[]): boolean {
  return volume !== undefined && !known.some((other) => other.partition === partition && other.volume === volume);
}
