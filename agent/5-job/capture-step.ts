// Fifth stage, step `capture`: the disk that the scenario names becomes an image on the server.
import { captureImage } from '../../imaging/capture.ts';
import type { Step } from '../../protocol/scenario.ts';
import { describeDisk } from '../../protocol/select-disk.ts';
import { findDisk } from './find-disk.ts';
import type { StepRun, StepWork } from './step.ts';

type CaptureStep = Extract<Step, { kind: 'capture' }>;

export async function captureDisk(step: CaptureStep, stepRun: StepRun): Promise<StepWork> {
  const { context, store, stepId, run, log } = stepRun;
  const disk = await findDisk(step.source, stepRun);
  const what = step.partitions === undefined ? '' : `partition ${step.partitions.join(', ')} of `;
  log('info', `capturing ${what}${describeDisk(disk)} as '${step.image}' with ${context.workers} threads`);
  const { kind: _, source: __, image: imageName, parent, member: allowMember = false, ...options } = step;
  const result = await captureImage({
    ...run,
    ...options,
    ...(parent === undefined ? {} : { parentName: parent }),
    ...{ sourcePath: disk.devicePath, imageName, imageId: stepId, store, workers: context.workers, allowMember },
  });
  return { figures: result, disk };
}
