// Second part of the first stage: drivers are loaded while Node is; disks and NICs then appear over some seconds: wait until no new one does.
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Made by start-system once udev has worked off what the machine had at its start, or has taken 30 s. */
const settledFile = '/run/deploy-os/devices-settled';
/** As start-system waits, and a little more. */
const settledWithinMs = 40_000;

type Patience = { readonly quietMs: number; readonly maxMs: number };

/** A fabric shows its LUNs some seconds after the adapter has link: silence says less there. */
const fabricQuietMs = 5000;

/** Returns once the machine's NICs, disks and screen have their names and drivers: nothing of it is looked at before. Node is loaded meanwhile. */
export async function waitForDrivers(file = settledFile, withinMs = settledWithinMs): Promise<void> {
  const endMs = performance.now() + withinMs;
  while ((await stat(file).catch(() => null)) === null && performance.now() < endMs) await sleep(20);
}

/**
 * Returns once udev has worked off its queue and the set of block devices and NICs has not changed for `quietMs` (5 s on machines
 * with Fibre Channel), at the latest after `maxMs`. It counts from what udev did last: while Node was loaded it may have been quiet already. Slow controllers and FC fabrics show their disks late; a machine without any must not hang here.
 */
export async function waitForDevices(patience: Patience = { quietMs: 1500, maxMs: 30_000 }): Promise<void> {
  const { maxMs } = patience;
  const endMs = performance.now() + maxMs;
  await settleUdev(maxMs);
  const fabric = (await readdir('/sys/class/fc_host').catch(() => [])).length > 0;
  const quietMs = fabric ? Math.max(fabricQuietMs, patience.quietMs) : patience.quietMs;
  let seen = await deviceNames();
  let quietSinceMs = performance.now() - (await readQuietMs());
  while (performance.now() < endMs && performance.now() - quietSinceMs < quietMs) {
    await sleep(Math.min(250, quietMs));
    const now = await deviceNames();
    if (now !== seen) quietSinceMs = performance.now();
    seen = now;
  }
}

/** How long udev has recorded nothing: each device it has dealt with is a file there, renamed into its place. 0 where there is no udev. */
async function readQuietMs(folder = '/run/udev/data'): Promise<number> {
  const status = await stat(folder).catch(() => null);
  // Not Date.now(): a clock that is far off may be set meanwhile.
  const nowMs = performance.timeOrigin + performance.now();
  return status === null ? 0 : Math.max(0, nowMs - status.mtimeMs);
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
