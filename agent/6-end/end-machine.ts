// Last stage: the machine reboots or powers off, as the job says (docs/agent.md, "The end").

import { stopArrays } from '../1-boot/arrays.ts';
import { runBounded } from '../1-boot/bounded-tool.ts';
import { flushPaths } from '../1-boot/multipath.ts';

const syncWithinMs = 120_000;

/**
 * Flushes what is buffered, leaves arrays and paths as the next system wants to find them, and asks the kernel. PID 1 has nothing to stop but
 * the agent and udev, and no file system of a disk is mounted, so nothing is gained by asking it. Nothing here keeps the machine on: what does
 * not end within its time is left. Does not return, but for the moment until the machine is gone.
 */
export async function endMachine(action: 'reboot' | 'poweroff'): Promise<void> {
  await runBounded('busybox', ['sync'], syncWithinMs);
  await stopArrays();
  await flushPaths();
  await runBounded('busybox', [action, '-f'], syncWithinMs);
}
