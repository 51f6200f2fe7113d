// What keeps a disk's content from being read: an ATA password (ACS-2, 4.18), of which udev knows, and the locks of self-encrypting disks (TCG Opal and its
// relatives), which somebody has to ask for: Debian's sg_raw, a process for each disk. So a list of disks knows the second only where `addOpalLocks` was called.
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DeployError } from '../../protocol/errors.ts';
import { throwIfCancelled } from '../cancelled.ts';
import { listDevicesBelow } from './devices-below.ts';
import type { Disk, LockState, Locks } from './disk.ts';
import { readUdevProperties } from './hardware.ts';
import { askOpal } from './opal.ts';

/** Of disks asked at once. */
const atOnce = 8;

/** Where a recorded tree says it: the disks themselves are not there. */
export function opalFile(root: string, kernelName: string): string {
  return join(root, 'run/deploy-os/opal', kernelName);
}

/** By the properties that udev's ata_id gives. */
export function readAtaLock(udev: ReadonlyMap<string, string>): LockState | null {
  if (udev.get('ID_ATA') !== '1') return null;
  const is = (name: string) => udev.get(`ID_ATA_FEATURE_SET_SECURITY${name}`) === '1';
  if (is('_LOCKED')) return 'locked';
  if (is('_ENABLED')) return 'open';
  return is('') ? 'off' : 'none';
}

const worstFirst: readonly (LockState | null)[] = ['locked', null, 'open', 'off', 'none'];

/** Of an array or a LUN: one locked member locks it, and one that nobody knows of leaves it unknown. Null for none. */
export function worstLock(states: readonly (LockState | null)[]): LockState | null {
  return worstFirst.find((state) => states.includes(state)) ?? null;
}

/** The disks, each asked for its OPAL lock; below `/` or a recorded tree. Nothing on them changes. @throws DeployError cancelled */
export async function addOpalLocks(
  disks: readonly Disk[],
  { root = '/', signal }: { readonly root?: string | undefined; readonly signal?: AbortSignal } = {},
): Promise<Disk[]> {
  const devicesOf = ({ kind, devicePath, parts }: Disk) =>
    kind === 'disk' ? [devicePath] : parts.map((part) => part.devicePath);
  // USB bridges may hang on a command that they do not know.
  const asked = disks.filter(({ bus }) => bus !== 'usb').flatMap(devicesOf);
  const states = await readOpalLocks(asked, root, signal);
  return disks.map((disk) => {
    const opal = worstLock(devicesOf(disk).map((path) => states.get(path) ?? null));
    return { ...disk, locks: { ...disk.locks, opal } };
  });
}

async function readOpalLocks(
  devicePaths: readonly string[],
  root: string,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, LockState | null>> {
  const states = new Map<string, LockState | null>();
  for (let i = 0; i < devicePaths.length; i += atOnce) {
    throwIfCancelled(signal);
    const some = devicePaths.slice(i, i + atOnce);
    const answers = await Promise.all(some.map((path) => readOpalLock(path, root)));
    for (const [k, path] of some.entries()) states.set(path, answers[k] ?? null);
  }
  return states;
}

/** Of the device node at `devicePath`, below `/` or a recorded tree. */
export async function readOpalLock(devicePath: string, root = '/'): Promise<LockState | null> {
  if (root === '/') return await askOpal(devicePath);
  const recorded = await readFile(opalFile(root, basename(devicePath)), 'utf8').catch(() => '');
  return worstFirst.find((state) => state === recorded) ?? null;
}

/** `an ATA password`; null for a disk that nothing is known to lock. */
export function describeLocks({ ata, opal }: Locks): string | null {
  const locked = [ata === 'locked' ? 'an ATA password' : '', opal === 'locked' ? 'an OPAL lock' : ''].filter(Boolean);
  return locked.length === 0 ? null : locked.join(' and ');
}

/** @throws DeployError disk-locked */
export function refuseLocked(label: string, locks: Locks): void {
  const by = describeLocks(locks);
  if (by === null) return;
  throw new DeployError(
    'disk-locked',
    `${label} is locked by ${by}: what can be read of it is not its content; nothing was written to it`,
    {
      hint: 'Unlock it in the firmware of the machine, or with hdparm or sedutil-cli, without switching it off. To give up what is on it, erase it with its PSID; or by a wipe with the method secure-erase, if one of before was cut off and has left it locked.',
    },
  );
}

/** What locks the hardware that `path` is or lies on, all of it taken together; of a file, and of OPAL behind USB, nothing is known. */
export async function readLocks(path: string): Promise<Locks> {
  const devices = await listDevicesBelow(path);
  const udev = await Promise.all(devices.map(({ majorMinor }) => readUdevProperties('/', majorMinor)));
  const asked = devices.filter(({ directory }) => !/\/usb\d+\//.test(directory)).map(({ devicePath }) => devicePath);
  const opal = await readOpalLocks(asked, '/');
  return { ata: worstLock(udev.map(readAtaLock)), opal: worstLock([...opal.values()]) };
}
