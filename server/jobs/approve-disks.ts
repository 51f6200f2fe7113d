// What somebody approves when a job is asked for: the machine's disks as its newest check found them.
import type { ApprovedDisk } from '../../protocol/approval.ts';
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { readLatestCheck } from '../disk-checks/read-checks.ts';

export type ApprovedCheck = { readonly checkId: string; readonly disks: readonly ApprovedDisk[] };

/**
 * The disks of the check that is named, which must be the newest thing known of them: a later check or registration saw others.
 * @throws DeployError check-not-found; target-changed
 */
export async function approveDisks(db: Database, machine: MachineRow, checkId: string): Promise<ApprovedCheck> {
  const newest = await readLatestCheck(db, machine);
  if (newest.kind !== 'check' || (checkId !== 'latest' && checkId !== newest.id)) {
    const why =
      newest.kind === 'check'
        ? `check ${newest.id} is newer`
        : 'the machine has registered with other disks since its last check';
    throw new DeployError('target-changed', `the disks of ${machine.name} cannot be approved: ${why}`, {
      hint: 'Run a scenario with the step check on it, look at `deploy-os machine disks`, and approve that.',
    });
  }
  return { checkId: newest.id, disks: newest.disks.map(toApproved) };
}

function toApproved(disk: CheckedDisk): ApprovedDisk {
  const { id, number, devicePath, model, serial, sizeBytes, sectorSizeBytes, tablesDigest } = disk;
  const facts = [model, serial === null ? null : `serial ${serial}`].filter((fact) => fact !== null);
  const label = `disk ${number} ${devicePath}${facts.length === 0 ? '' : ` (${facts.join(', ')})`}`;
  return { id, label, sizeBytes, sectorSizeBytes, tablesDigest };
}
