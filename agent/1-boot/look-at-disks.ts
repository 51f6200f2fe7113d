// Part of the first stage, and again before each step of a job: which disks there are, put together, while nothing comes or goes.
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { listDisks } from '../../imaging/blockdev/list-disks.ts';
import { listNames } from '../../imaging/blockdev/sysfs.ts';
import { runBounded } from './bounded-tool.ts';
import { addPathStates } from './path-states.ts';

/** A machine whose devices come and go all the time is listed as it was at last. */
const maxLooks = 5;
const settleSeconds = 10;

/**
 * Assembles and lists. A device that appears in between might be listed before it is put where it belongs, a second path as a second disk:
 * then it is done again. Not while a disk is being written.
 */
export async function lookAtDisks(assemble: () => Promise<void>): Promise<Disk[]> {
  return await whileNothingChanges(readDevices, async () => {
    // What the kernel has shown udev may still be looking at: a path is known by what udev says of it.
    await runBounded('udevadm', ['settle', `--timeout=${settleSeconds}`], (settleSeconds + 5) * 1000);
    await assemble();
    return await addPathStates(await listDisks());
  });
}

/** What `look` sees when `signs` are the same before and after it; what it saw at last when they never are. */
export async function whileNothingChanges<T>(signs: () => Promise<string>, look: () => Promise<T>): Promise<T> {
  for (let looks = 1; ; looks++) {
    const before = await signs();
    const seen = await look();
    if (looks === maxLooks || before === (await signs())) return seen;
  }
}

/** Not what we put together ourselves. */
async function readDevices(): Promise<string> {
  const names = await listNames('/sys/class/block');
  return names.filter((name) => !/^(dm-|md|loop)\d/.test(name)).join(' ');
}
