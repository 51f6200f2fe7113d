// Fifth stage, step `check`: looks at every disk without writing, and says what is on it and what is wrong.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { totalBytes } from '../../imaging/extent.ts';
import { mapDisk } from '../../imaging/map.ts';
import { toDeployError } from '../../protocol/errors.ts';
import { formatBytes } from '../screen/format.ts';
import { describeDisk } from './select-disk.ts';
import type { StepRun, StepWork } from './step.ts';

/** Maps every disk. A disk that cannot be read is a warning, not the end: the others are looked at too. */
export async function checkDisks({ context, run, log }: StepRun): Promise<StepWork> {
  const disks = await context.listDisks();
  let unreadable = 0;
  let usedBytes = 0;
  for (const disk of disks) {
    try {
      usedBytes += await describeContents(disk, run, log);
    } catch (thrown) {
      const { code, message } = toDeployError(thrown);
      if (code === 'cancelled') throw thrown;
      unreadable++;
      run.onWarning(`${describeDisk(disk)}: ${message}`);
    }
  }
  warnOfTwins(disks, run.onWarning);
  const sizeBytes = disks.reduce((sum, disk) => sum + disk.sizeBytes, 0);
  return { figures: { disks: disks.length, unreadable, sizeBytes, usedBytes } };
}

async function describeContents(disk: Disk, run: StepRun['run'], log: StepRun['log']): Promise<number> {
  const map = await mapDisk(disk.devicePath, { ...run, allowMember: true });
  const partitions = map.partitions.map(
    (part) =>
      `${part.number === 0 ? 'the whole disk' : part.number}: ${part.fileSystem ?? 'unknown'} ${formatBytes(part.usedBytes)} of ${formatBytes(part.sizeBytes)}`,
  );
  const table = map.table === 'none' ? 'no partition table' : map.table.toUpperCase();
  const usedBytes = totalBytes(map.used);
  log(
    'info',
    `${describeDisk(disk)}: ${table}, ${formatBytes(usedBytes)} used${partitions.map((text) => `; ${text}`).join('')}`,
  );
  if (disk.inUseBy.length > 0) log('info', `${describeDisk(disk)} is in use by ${disk.inUseBy.join(', ')}`);
  return usedBytes;
}

/** Two disks of one id cannot be told apart: a selector by id would be refused. */
function warnOfTwins(disks: readonly Disk[], onWarning: (message: string) => void): void {
  for (const [i, disk] of disks.entries()) {
    const twin = disks.slice(0, i).find(({ id }) => id === disk.id);
    if (twin !== undefined) onWarning(`${describeDisk(disk)} has the same id as ${describeDisk(twin)}`);
  }
}
