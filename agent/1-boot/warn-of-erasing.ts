// Beside the third: a disk that was told to erase itself, and goes on with it after a power cut, is named on the screen; steps refuse it by themselves.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { describeErasing, readErasedPercent } from '../../imaging/wipe/refuse-erasing.ts';
import { describeDisk } from '../../protocol/select-disk.ts';
import type { Log } from '../screen/status.ts';

/** Asks one disk after the other, for seconds each where one hangs: nothing waits for it. */
export async function warnOfErasing(disks: readonly Disk[], log: Log): Promise<void> {
  for (const disk of disks) {
    const percent = await readErasedPercent(disk.devicePath);
    if (percent !== null) log('warning', `${describeDisk(disk)} ${describeErasing(percent)}`);
  }
}
