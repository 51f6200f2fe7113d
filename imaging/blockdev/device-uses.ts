// Who uses a block device or a file now: mounts, swap, and devices built upon it. What checkTarget, checkSource and the list of disks rest on.
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  findByName,
  findByNumber,
  formatMajorMinor,
  listNames,
  listPartitions,
  readAttribute,
  type SysfsDevice,
} from './sysfs.ts';

/** One reason why a device is not free. */
export type Use = {
  readonly kind: 'mounted' | 'swap' | 'held';
  /** `/dev/sda2 is mounted on /` */
  readonly text: string;
  /** Nothing can be written through this use: a mount whose file system is read-only. */
  readonly readOnly: boolean;
};

/** A device, or a regular file by its path. */
export type UsedThing = { readonly device: SysfsDevice } | { readonly filePath: string };

/** What may use devices on this machine at one moment: for all that are looked at in one go. */
export type Users = {
  readonly loops: readonly { readonly device: SysfsDevice; readonly backingFile: string }[];
  /** Each by the numbers of its devices. */
  readonly mounts: readonly {
    readonly numbers: readonly string[];
    readonly place: string;
    readonly readOnly: boolean;
  }[];
  readonly swaps: readonly string[];
};

/** `root` is `/`, or where a recorded tree lies. */
export async function readUsers(root: string): Promise<Users> {
  const [loops, mounts, swaps] = await Promise.all([listLoops(root), listMounts(root), listSwaps(root)]);
  return { loops, mounts, swaps };
}

/**
 * Every use of `thing`, of its partitions and, for a partition, of the whole disk; and of loop devices over any of them.
 * `root` is `/`, or where a recorded tree lies.
 */
export async function findUses(root: string, thing: UsedThing, users?: Users): Promise<Use[]> {
  const { loops, mounts, swaps } = users ?? (await readUsers(root));
  const devices = 'device' in thing ? await withRelatives(root, thing.device) : [];
  const files = 'device' in thing ? devices.map((device) => device.devicePath) : [resolve(thing.filePath)];
  for (const { device, backingFile } of loops) {
    if (files.includes(backingFile)) devices.push(device, ...(await listPartitions(root, device)));
  }
  const byNumber = new Map(devices.map((device) => [device.majorMinor, device.devicePath]));
  const uses: Use[] = [];
  for (const { numbers, place, readOnly } of mounts) {
    const used = numbers.map((number) => byNumber.get(number)).find((path) => path !== undefined);
    if (used !== undefined) uses.push({ kind: 'mounted', text: `${used} is mounted on ${place}`, readOnly });
  }
  for (const number of swaps) {
    const used = byNumber.get(number);
    if (used !== undefined) uses.push({ kind: 'swap', text: `${used} is in use as swap`, readOnly: false });
  }
  return [...uses, ...(await findHolders(devices))];
}

async function withRelatives(root: string, device: SysfsDevice): Promise<SysfsDevice[]> {
  if ((await readAttribute(device.directory, 'partition')) === null)
    return [device, ...(await listPartitions(root, device))];
  const disk = await readAttribute(device.directory, '..', 'dev');
  const whole = disk === null ? null : await findByNumber(root, disk);
  return whole === null ? [device] : [device, whole];
}

async function listLoops(root: string): Promise<Users['loops']> {
  const loops: Users['loops'][number][] = [];
  for (const name of await listNames(root, 'sys/class/block')) {
    if (!/^loop\d+$/.test(name)) continue;
    const backingFile = await readAttribute(root, 'sys/class/block', name, 'loop/backing_file');
    const device = backingFile === null ? null : await findByName(root, name);
    if (backingFile !== null && device !== null) loops.push({ device, backingFile });
  }
  return loops;
}

/** Mounts by device number and, for file systems with numbers of their own (btrfs), by the source's name. proc_pid_mountinfo(5). */
async function listMounts(root: string): Promise<Users['mounts']> {
  const mounts: Users['mounts'][number][] = [];
  const text = await readFile(join(root, 'proc/self/mountinfo'), 'utf8').catch(() => '');
  for (const line of text.split('\n')) {
    const [before = '', after = ''] = line.split(' - ');
    const [, , number = '', , mountPoint = ''] = before.split(' ');
    const [, source = '', options = ''] = after.split(' ');
    const ofSource = await numberOf(root, source);
    mounts.push({
      numbers: ofSource === null ? [number] : [number, ofSource],
      place: unescapeBlanks(mountPoint),
      readOnly: options.split(',').includes('ro'),
    });
  }
  return mounts;
}

async function listSwaps(root: string): Promise<Users['swaps']> {
  const swaps: string[] = [];
  const text = await readFile(join(root, 'proc/swaps'), 'utf8').catch(() => '');
  for (const line of text.split('\n').slice(1)) {
    const number = await numberOf(root, unescapeBlanks(line.split(/\s/)[0] ?? ''));
    if (number !== null) swaps.push(number);
  }
  return swaps;
}

/** Arrays, volumes and paths built upon a device. */
async function findHolders(devices: readonly SysfsDevice[]): Promise<Use[]> {
  const uses: Use[] = [];
  for (const device of devices) {
    for (const name of await listNames(device.directory, 'holders')) {
      const shown = (await readAttribute(device.directory, 'holders', name, 'dm/name')) ?? name;
      uses.push({ kind: 'held', text: `${device.devicePath} is held by ${shown}`, readOnly: false });
    }
  }
  return uses;
}

async function numberOf(root: string, devicePath: string): Promise<string | null> {
  if (!devicePath.startsWith('/dev/')) return null;
  const stats = await stat(join(root, devicePath)).catch(() => null);
  if (stats?.isBlockDevice()) return formatMajorMinor(stats.rdev);
  // A recorded tree has no device nodes.
  const kernelName = devicePath.slice('/dev/'.length).replaceAll('/', '!');
  return await readAttribute(root, 'sys/class/block', kernelName, 'dev');
}

/** /proc writes blanks in names as octal escapes. */
function unescapeBlanks(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
