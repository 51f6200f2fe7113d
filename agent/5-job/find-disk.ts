// Fifth stage: the disk that a step names, on this machine as it is now.
import { setTimeout } from 'node:timers/promises';
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { throwIfCancelled } from '../../imaging/cancelled.ts';
import { readImageSource } from '../../imaging/manifest/image-source.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { listSelectorImages } from '../../protocol/expand-steps.ts';
import type { DiskSelector } from '../../protocol/scenario.ts';
import { describeDisk, type ImageSource, selectDisk } from '../../protocol/select-disk.ts';
import { checkApproval } from './check-approval.ts';
import type { StepRun } from './step.ts';

/** @throws DeployError selector-none, selector-ambiguous, image-not-found, target-changed when the disks are not those that were approved */
export async function findDisk(selector: DiskSelector, step: StepRun): Promise<Disk> {
  const { store, run, approval } = step;
  const sources = new Map<string, ImageSource>();
  for (const image of listSelectorImages(selector)) {
    sources.set(image, await readImageSource(store, image, run.signal));
  }
  const disks = await listUntilFound((found) => isMissing(found, selector, sources), step);
  if (approval !== undefined) checkApproval(disks, approval);
  return selectDisk(disks, selector, sources);
}

/**
 * Right before the first write: much may have happened since the disk was found, because fitting an image to it can take minutes.
 * @throws DeployError target-changed when another disk answers to its device path now, or the disks are not those that were approved
 */
export async function confirmDisk(disk: Disk, { context, approval }: StepRun): Promise<void> {
  const disks = await context.listDisks();
  if (approval !== undefined) checkApproval(disks, approval);
  const { id, devicePath, sizeBytes, sectorSizeBytes } = disk;
  const now = disks.find((other) => other.devicePath === devicePath);
  if (now?.id === id && now.sizeBytes === sizeBytes && now.sectorSizeBytes === sectorSizeBytes) return;
  const found = now === undefined ? 'no disk' : describeDisk(now);
  throw new DeployError('target-changed', `${describeDisk(disk)} was chosen, and ${found} is ${devicePath} now`, {
    hint: 'Nothing was written. Look at the disks of the machine, and start the job again.',
  });
}

/** Between two looks: this part of the time that is given. */
const pauses = 15;

/** The disks as soon as nothing is missing; what there is when it is still missing after `lateDiskMs`. */
async function listUntilFound(
  isMissing: (disks: readonly Disk[]) => boolean,
  { context: { listDisks, lateDiskMs }, run, log }: StepRun,
): Promise<Disk[]> {
  const untilMs = performance.now() + lateDiskMs;
  let disks = await listDisks();
  if (lateDiskMs > 0 && isMissing(disks))
    log('info', `no disk fits yet: waiting up to ${Math.ceil(lateDiskMs / 1000)} s for one that comes late`);
  while (performance.now() < untilMs && isMissing(disks)) {
    await setTimeout(lateDiskMs / pauses, undefined, { signal: run.signal }).catch(() => {});
    throwIfCancelled(run.signal);
    disks = await listDisks();
  }
  return disks;
}

/** Not when several fit: no wait makes that better. */
function isMissing(disks: readonly Disk[], selector: DiskSelector, sources: ReadonlyMap<string, ImageSource>): boolean {
  try {
    selectDisk(disks, selector, sources);
    return false;
  } catch (thrown) {
    return toDeployError(thrown).code === 'selector-none';
  }
}
