// Second part of the first stage: disks and NICs appear over some seconds; wait until no new one does.
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

type Patience = { readonly quietMs: number; readonly maxMs: number };

/** A fabric shows its LUNs some seconds after the adapter has link: silence says less there. */
const fabricQuietMs = 5000;

/**
 * Returns once udev has worked off its queue and the set of block devices and NICs has not changed for `quietMs` (5 s on machines
 * with Fibre Channel), at the latest after `maxMs`. Slow controllers and FC fabrics show their disks late; a machine without any must not hang here.
 */
export async function waitForDevices(patience: Patience = { quietMs: 1000, maxMs: 30_000 }): Promise<void> {
  const { maxMs } = patience;
  const endMs = performance.now() + maxMs;
  await settleUdev(maxMs);
  const fabric = (await readdir('/sys/class/fc_host').catch(() => [])).length > 0;
  const quietMs = fabric ? Math.max(fabricQuietMs, patience.quietMs) : patience.quietMs;
  let seen = await deviceNames();
  let quietSinceMs = performance.now();
  while (performance.now() < endMs && performance.now() - quietSinceMs < quietMs) {
    await sleep(Math.min(250, quietMs));
    const now = await deviceNames();
    if (now !== seen) quietSinceMs = performance.now();
    seen = now;
  }
}

async function deviceNames(): Promise<string> {
  const names = await Promise.all(['/sys/class/block', '/sys/class/net'].map((path) => readdir(path).catch(() => [])));
  return names.flat().sort().join(' ');
}

/** A missing or failing udevadm is no reason to stop: the watch on sysfs remains. */
async function settleUdev(timeoutMs: number): Promise<void> {
  const seconds = Math.ceil(timeoutMs / 1000);
  await promisify(execFile)('udevadm', ['settle', `--timeout=${seconds}`]).catch(() => undefined);
}
