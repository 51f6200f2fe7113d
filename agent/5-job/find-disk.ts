// Fifth stage: the disk that a step names, on this machine as it is now.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { DiskSelector } from '../../protocol/scenario.ts';
import { checkApproval } from './check-approval.ts';
import { type ImageSource, selectDisk } from './select-disk.ts';
import type { StepRun } from './step.ts';

/** @throws DeployError selector-none, selector-ambiguous, image-not-found, target-changed when the disks are not those that were approved */
export async function findDisk(selector: DiskSelector, { context, store, run, approval }: StepRun): Promise<Disk> {
  const sources = new Map<string, ImageSource>();
  for (const one of selector.by === 'each' ? selector.of : [selector]) {
    if (one.by !== 'image') continue;
    const { source } = await loadManifest(store, one.image, run.signal);
    if (source.serial === null) {
      throw new DeployError(
        'selector-none',
        `'${one.image}' does not say which disk it was captured from: that one has no serial number`,
        {
          hint: 'Nothing was read or written. Name the disk by its id in the scenario.',
        },
      );
    }
    sources.set(one.image, source);
  }
  const disks = await context.listDisks();
  if (approval !== undefined) checkApproval(disks, approval);
  return selectDisk(disks, selector, sources);
}
