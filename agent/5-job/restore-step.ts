// Fifth stage, step `restore`: an image of the server goes onto the disk that the scenario names, and is read back.
import { restoreImage } from '../../imaging/restore.ts';
import type { Step } from '../../protocol/scenario.ts';
import { describeDisk, selectDisk } from './select-disk.ts';
import type { StepRun, StepWork } from './step.ts';

type RestoreStep = Extract<Step, { kind: 'restore' }>;

export async function restoreDisk(step: RestoreStep, { context, store, run, log }: StepRun): Promise<StepWork> {
  const disk = selectDisk(await context.listDisks(), step.target);
  log('info', `restoring '${step.image}' onto ${describeDisk(disk)} with ${context.workers} threads`);
  const result = await restoreImage({
    ...run,
    imageName: step.image,
    targetPath: disk.devicePath,
    store,
    holes: step.holes,
    workers: context.workers,
  });
  return { figures: result, disk };
}
