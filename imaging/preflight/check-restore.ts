// The step of a restore before its target is opened: image, disk and machine are held against each other, and what is found is told.
import { realpath } from 'node:fs/promises';
import type { Disk } from '../blockdev/disk.ts';
import { listDisks } from '../blockdev/list-disks.ts';
import { readReservations } from '../blockdev/reservations.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { type Finding, type FindingOptions, report } from './finding.ts';
import type { Firmware } from './firmware-mode.ts';
import { findForRestore } from './restore-findings.ts';
import { findClusterFileSystems } from './shared-disk.ts';

export type CheckRestoreOptions = FindingOptions & {
  readonly targetPath: string;
  /** Of the image; undefined is the disk. */
  readonly partition?: number | undefined;
  /** Go on although other machines may use the target. */
  readonly allowShared?: boolean;
  /** Of the machine that will boot from the target, if this is it. */
  readonly firmware?: Firmware;
};

/** Writes nothing, and reads some KiB of the target. @throws shared-disk */
export async function checkRestore(manifest: Manifest, options: CheckRestoreOptions): Promise<Finding[]> {
  const { targetPath, partition, allowShared = false, firmware = null } = options;
  const disk = await findDisk(targetPath);
  const { model, serial } = manifest.source;
  const facts = {
    ...{ manifest, partition, firmware, now: new Date() },
    controller: disk === null ? null : { bus: disk.bus, driver: disk.controller?.driver ?? null },
    sameDisk: disk !== null && serial !== null && disk.serial === serial && disk.model === model,
    clusterFileSystems: await findClusterFileSystems(targetPath),
    reservations: await readReservations(targetPath),
  };
  const findings = findForRestore(facts, allowShared);
  report(findings, options);
  return findings;
}

/** The disk that `path` is, or is a partition of; null for a file. */
async function findDisk(path: string): Promise<Disk | null> {
  const devicePath = await realpath(path).catch(() => path);
  if (!devicePath.startsWith('/dev/')) return null;
  const disks = await listDisks().catch(() => []);
  const isIt = (disk: Disk) => [disk, ...disk.partitions].some((node) => node.devicePath === devicePath);
  return disks.find(isIt) ?? null;
}
