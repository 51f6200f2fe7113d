// Last stage: the machine reboots or powers off, as the job says (docs/agent.md, "The end").
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Flushes what is buffered and asks the kernel. PID 1 has nothing to stop but the agent and udev, and no file system of a disk is mounted,
 * so nothing is gained by asking it. Does not return, but for the moment until the machine is gone.
 */
export async function endMachine(action: 'reboot' | 'poweroff'): Promise<void> {
  await run('busybox', ['sync']);
  await run('busybox', [action, '-f']);
}
