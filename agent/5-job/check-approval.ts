// Fifth stage: whether the machine's disks are those that were approved.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import type { Approval, ApprovedDisk } from '../../protocol/approval.ts';
import { DeployError } from '../../protocol/errors.ts';
import { formatBytes } from '../../protocol/format-bytes.ts';
import { describeDisk } from '../../protocol/select-disk.ts';

/**
 * Passes when `disks` are the approved ones, each of its size and sector size, none missing and none more (R11).
 * @throws DeployError target-changed, naming every difference
 */
export function checkApproval(disks: readonly Disk[], approval: Approval): void {
  const differences = [
    ...approval.disks.flatMap((approved) => differencesOf(approved, disks)),
    ...disks
      .filter(({ id }) => !approval.disks.some((approved) => approved.id === id))
      .map((disk) => `${describeDisk(disk)} is new`),
  ];
  if (differences.length === 0) return;
  throw new DeployError('target-changed', `the disks are not those that were approved: ${differences.join('; ')}`, {
    hint: 'Nothing was written. Check the disks again, look at what is there, and approve that.',
  });
}

function differencesOf(approved: ApprovedDisk, disks: readonly Disk[]): string[] {
  const { id, label, sizeBytes, sectorSizeBytes } = approved;
  const [disk, twin] = disks.filter((present) => present.id === id);
  if (disk === undefined) return [`${label} is gone`];
  if (twin !== undefined) return [`${label} is there twice`];
  if (disk.sizeBytes !== sizeBytes) return [`${label} has ${formatBytes(disk.sizeBytes)} now`];
  if (disk.sectorSizeBytes !== sectorSizeBytes) return [`${label} has sectors of ${disk.sectorSizeBytes} bytes now`];
  return [];
}

/** What the tables of `disk` must be, for the restore to compare right before its first write; undefined where that was not approved. */
export function approvedTables({ id }: Disk, approval: Approval | undefined): string | undefined {
  if (approval === undefined || approval.again) return undefined;
  return approval.disks.find((approved) => approved.id === id)?.tablesDigest ?? undefined;
}
