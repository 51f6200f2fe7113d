// What a disk's newest check says against a step: faults that would refuse it, and what a person should know first.
import { describeLocks } from '../../imaging/blockdev/locks.ts';
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import { DeployError } from '../../protocol/errors.ts';
import { formatBytes } from '../../protocol/format-bytes.ts';
import type { PlanWarning } from '../../protocol/plan.ts';
import type { Step } from '../../protocol/scenario.ts';
import { describeDisk } from '../../protocol/select-disk.ts';

/** In the words of the errors that the agent would end with. */
export function findDiskFaults(step: Step, disk: CheckedDisk): DeployError[] {
  const label = describeDisk(disk);
  // A Secure Erase takes a disk that one of before left locked.
  const locks = step.kind === 'wipe' && step.method === 'secure-erase' ? { ...disk.locks, ata: null } : disk.locks;
  const locked = describeLocks(locks);
  const faults: DeployError[] = [];
  if (locked !== null) faults.push(new DeployError('disk-locked', `${label} is locked by ${locked}`));
  if (step.kind !== 'restore' && step.kind !== 'wipe') return faults;
  if (disk.readOnly) faults.push(new DeployError('target-read-only', `${label} is read-only`));
  if (step.kind === 'wipe') return faults;
  const { partition, toPartition = partition } = step;
  const known = disk.map?.partitions.filter(({ number }) => number > 0);
  if (toPartition !== undefined && toPartition > 0 && known?.every(({ number }) => number !== toPartition) === true) {
    const there = known.map(({ number }) => number).join(', ') || 'none';
    faults.push(
      new DeployError('invalid-input', `${label} has no partition ${toPartition} to restore into; it has ${there}`),
    );
  }
  return faults;
}

export function warnOfDisk(step: Step, disk: CheckedDisk): PlanWarning[] {
  const label = describeDisk(disk);
  const warnings: (PlanWarning | null)[] = [
    disk.health?.passed === false
      ? { code: 'disk-failing', message: `${label} says that it is failing: replace it` }
      : null,
    disk.hiddenBytes === null || disk.hiddenBytes === 0
      ? null
      : {
          code: 'hidden-area',
          message: `${label} keeps ${formatBytes(disk.hiddenBytes)} in a hidden area (host-protected): they are not read and not written`,
        },
    // What ran when the disks were looked at may be stopped by then, and arrays are: it is no refusal yet.
    (step.kind === 'restore' || step.kind === 'wipe') && disk.inUseBy.length > 0
      ? {
          code: 'in-use',
          message: `${label} was in use by ${disk.inUseBy.join(', ')}: the job is refused if it still is`,
        }
      : null,
  ];
  return warnings.filter((warning) => warning !== null);
}
