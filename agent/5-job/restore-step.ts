// Fifth stage, step `restore`: an image of the server, or one partition of it, goes onto the disk that the scenario names, and is read back.
import { finishError, type Restored } from '../../imaging/finish-restored.ts';
import { describePlace } from '../../imaging/fit/new-ids.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { restorePartition } from '../../imaging/restore-partition.ts';
import { formatBytes } from '../../protocol/format-bytes.ts';
import type { Step } from '../../protocol/scenario.ts';
import { describeDisk } from '../../protocol/select-disk.ts';
import { readFirmware } from '../4-register/inventory.ts';
import { approvedTables } from './check-approval.ts';
import { confirmDisk, findDisk } from './find-disk.ts';
import type { StepRun, StepWork } from './step.ts';

type RestoreStep = Extract<Step, { kind: 'restore' }>;

export async function restoreDisk(step: RestoreStep, stepRun: StepRun): Promise<StepWork> {
  const { context, store, run, log } = stepRun;
  const { kind: _, image: imageName, target, partition, toPartition = partition, was, ...rest } = step;
  const { grow = 'none', member: allowMember = false, ...asked } = rest;
  const disk = await findDisk(target, stepRun);
  // What is changed on the way to a smaller disk lies in memory (files/usr/lib/deploy-os/start-system), where threads take room too.
  const workers = step.shrink === true ? Math.ceil(context.workers / 2) : context.workers;
  const tables = approvedTables(disk, stepRun.approval);
  const present = was === undefined ? {} : { presentImageName: was };
  const options = {
    ...run,
    ...asked,
    ...present,
    firmware: readFirmware(),
    ...(tables === undefined ? {} : { approvedTables: tables }),
    imageName,
    targetPath: disk.devicePath,
    confirmTarget: () => confirmDisk(disk, stepRun),
    allowMember,
    machine: stepRun.machine,
    store,
    workers,
  };
  const where = `${describeDisk(disk)} with ${workers} threads`;
  let result: Restored;
  if (partition === undefined) {
    log('info', `restoring '${imageName}' onto ${where}`);
    result = await restoreImage({ ...options, grow });
  } else {
    const into = toPartition === 0 ? '' : `partition ${toPartition} of `;
    log('info', `restoring partition ${partition} of '${imageName}' into ${into}${where}`);
    result = await restorePartition({ ...options, partition, toPartition, grow: grow !== 'none' });
  }
  for (const line of describeFinished(result)) log('info', line);
  // What did not grow, or kept an id, leaves a whole disk: the step has its result, and the job its error.
  return { figures: result, disk, error: finishError(result) };
}

function describeFinished({ grown, newIds, settings }: Restored): string[] {
  const sizes = grown?.fileSystemGrown
    ? [`${nameOf(grown.partition)} is grown from ${formatBytes(grown.oldSizeBytes)} to ${formatBytes(grown.sizeBytes)}`]
    : [];
  const volume = grown?.volume
    ? [
        `${grown.volume.name} in it from ${formatBytes(grown.volume.oldSizeBytes)} to ${formatBytes(grown.volume.sizeBytes)}`,
      ]
    : [];
  const ids = newIds?.changed.map((id) => {
    const { of, fileSystem, oldId, newId } = id;
    const inside = of === 'volume-group' ? ' (group)' : fileSystem === null ? '' : ` (${fileSystem})`;
    const what = of === 'disk' ? 'the disk' : `${describePlace(id, 'the file system')}${inside}`;
    return `new id of ${what}: ${newId}, before ${oldId ?? 'none'}`;
  });
  const set = settings?.changed.map(({ setting, file, value, ...place }) => {
    const what =
      value === null ? 'is no longer tied to network cards' : `has a new ${setting.replaceAll('-', ' ')}: ${value}`;
    return `${file} on ${describePlace(place, 'the file system')} ${what}`;
  });
  return [...sizes, ...volume, ...(ids ?? []), ...(set ?? [])];
}

function nameOf(partition: number): string {
  return partition === 0 ? 'the file system' : `partition ${partition}`;
}
