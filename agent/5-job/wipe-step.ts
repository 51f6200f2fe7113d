// Fifth stage, step `wipe`: the disk that the scenario names is discarded, overwritten or erases itself, and is read back.
import { wipeDisk } from '../../imaging/wipe/wipe-disk.ts';
import type { Step } from '../../protocol/scenario.ts';
import { describeDisk } from '../../protocol/select-disk.ts';
import { approvedTables } from './check-approval.ts';
import { confirmDisk, findDisk } from './find-disk.ts';
import type { StepRun, StepWork } from './step.ts';

type WipeStep = Extract<Step, { kind: 'wipe' }>;

export async function wipeStep(step: WipeStep, stepRun: StepRun): Promise<StepWork> {
  const { run, log } = stepRun;
  const { kind: _, target, member: allowMember = false, ...asked } = step;
  const disk = await findDisk(target, stepRun);
  const tables = approvedTables(disk, stepRun.approval);
  log('info', `wiping ${describeDisk(disk)} (${step.method})`);
  const result = await wipeDisk({
    ...{ ...run, ...asked, allowMember, targetPath: disk.devicePath },
    ...(tables === undefined ? {} : { approvedTables: tables }),
    confirmTarget: () => confirmDisk(disk, stepRun),
  });
  if (result.resumedAtBytes > 0)
    log('info', `went on from byte ${result.resumedAtBytes}, where an earlier wipe was cut off`);
  const summary = `${result.done}; ${result.verified}`;
  log('info', `${describeDisk(disk)}: ${summary}`);
  return { figures: result, disk, summary, notes: result.notes };
}
