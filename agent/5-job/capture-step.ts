// Fifth stage, step `capture`: the disk that the scenario names becomes an image on the server.
import { captureImage } from '../../imaging/capture.ts';
import type { Step } from '../../protocol/scenario.ts';
import { describeDisk, selectDisk } from './select-disk.ts';
import type { StepRun, StepWork } from './step.ts';

type CaptureStep = Extract<Step, { kind: 'capture' }>;

export async function captureDisk(step: CaptureStep, { context, store, stepId, run, log }: StepRun): Promise<StepWork> {
  const disk = selectDisk(await context.listDisks(), step.source);
  log('info', `capturing ${describeDisk(disk)} as '${step.image}' with ${context.workers} threads`);
  const result = await captureImage({
    ...run,
    sourcePath: disk.devicePath,
    imageName: step.image,
    imageId: stepId,
    store,
    workers: context.workers,
    ...(step.level === undefined ? {} : { level: step.level }),
    ...(step.parent === undefined ? {} : { parentName: step.parent }),
  });
  return { figures: result, disk };
}
