// Last stage: the machine reboots, starts what was restored, or powers off, as the job says (docs/agent.md, "The end").

import { stopArrays } from '../1-boot/arrays.ts';
import { runBounded } from '../1-boot/bounded-tool.ts';
import { flushPaths } from '../1-boot/multipath.ts';
import type { MachineEnd } from '../context.ts';
import type { Watchdog } from '../watch/watchdog.ts';

const syncWithinMs = 120_000;

/**
 * Flushes what is buffered, leaves arrays and paths as the next system wants to find them, and asks the kernel. PID 1 has nothing to stop but
 * the agent and udev, and no file system of a disk is mounted, so nothing is gained by asking it. Nothing here keeps the machine on: what does
 * not end within its time is left; meanwhile the watchdog is fed, and then disarmed: the firmware's self-test may take longer than it waits. Does not return, but for the moment until the machine is gone.
 */
export async function endMachine(action: MachineEnd, watchdog: Watchdog | null): Promise<void> {
  await runBounded('busybox', ['sync'], syncWithinMs);
  await stopArrays();
  await flushPaths();
  const disarmed = (await watchdog?.stop()) ?? true;
  // Of a watchdog that runs on the next kernel would know nothing; firmware starts it anew.
  if (action === 'kexec' && disarmed) await runBounded('kexec', ['--exec'], syncWithinMs);
  await runBounded('busybox', [action === 'poweroff' ? action : 'reboot', '-f'], syncWithinMs);
}
