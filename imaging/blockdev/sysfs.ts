// What the kernel says about block devices, read from /sys below a root directory: `/`, or a recorded tree.
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** A block device as sysfs shows it; `directory` is its resolved directory there. */
export type SysfsDevice = {
  /** `sda1`; sysfs writes `!` for the slash of names such as `cciss/c0d0`. */
  readonly kernelName: string;
  readonly majorMinor: string;
  readonly directory: string;
  readonly devicePath: string;
};

/**
 * What a driver may ask the device for (the serial number of a virtio disk, the speed of a bus adapter or a PCI link), or what waits for the
 * device's queue: not to be waited for by all of the program.
 */
const asksDevice = /(^|\/)(queue\/\w+|serial|speed|current_link_\w+)$/;

/** The attribute's text without white space at its ends, or null when it is absent, unreadable or empty. */
export async function readAttribute(...path: string[]): Promise<string | null> {
  const file = join(...path);
  // The rest is in the kernel's memory. A look takes thousands of it, and a thread's start and end for each is three quarters of the work.
  if (!existsSync(file)) return null;
  try {
    const bytes = asksDevice.test(file) ? await readFile(file, 'latin1') : readFileSync(file, 'latin1');
    const text = bytes.replaceAll('\0', ' ').trim();
    return text === '' ? null : text;
  } catch {
    return null;
  }
}

/** The names in a directory in the order of their numbers; none when it does not exist. */
export async function listNames(...path: string[]): Promise<string[]> {
  const folder = join(...path);
  try {
    return existsSync(folder) ? readdirSync(folder).sort(compareNumbered) : [];
  } catch {
    return [];
  }
}

/** Orders `sda2` before `sda10`: digits compare as numbers. */
export function compareNumbered(a: string, b: string): number {
  const [left, right] = [a.split(/(\d+)/), b.split(/(\d+)/)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const [l, r] = [left[i] ?? '', right[i] ?? ''];
    if (l === r) continue;
    if (i % 2 === 1 && Number(l) !== Number(r)) return Number(l) - Number(r);
    return l < r ? -1 : 1;
  }
  return 0;
}

/** The device with this `MAJ:MIN`, or null when the kernel knows none. */
export async function findByNumber(root: string, majorMinor: string): Promise<SysfsDevice | null> {
  return await describe(root, join(root, 'sys/dev/block', majorMinor));
}

/** The device with this kernel name (as in /sys/class/block), or null. */
export async function findByName(root: string, kernelName: string): Promise<SysfsDevice | null> {
  return await describe(root, join(root, 'sys/class/block', kernelName));
}

async function describe(root: string, link: string): Promise<SysfsDevice | null> {
  const directory = resolveLink(link);
  if (directory === null) return null;
  const majorMinor = await readAttribute(directory, 'dev');
  if (majorMinor === null) return null;
  const kernelName = basename(directory);
  return { kernelName, majorMinor, directory, devicePath: join(root, 'dev', kernelName.replaceAll('!', '/')) };
}

function resolveLink(link: string): string | null {
  try {
    return existsSync(link) ? realpathSync.native(link) : null;
  } catch {
    // It went away meanwhile.
    return null;
  }
}

/** The major and minor number in a `stat.rdev`, as sysfs writes them (Linux's dev_t, include/linux/kdev_t.h). */
export function formatMajorMinor(rdev: number): string {
  const major = ((rdev >>> 8) & 0xfff) | (Math.floor(rdev / 2 ** 32) & ~0xfff);
  const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
  return `${major}:${minor}`;
}

/** The sysfs directory of the disk a partition lies on; the device's own when it is no partition. */
export async function wholeDiskDirectory(device: SysfsDevice): Promise<string> {
  const partition = await readAttribute(device.directory, 'partition');
  return partition === null ? device.directory : dirname(device.directory);
}

/** The device's partitions, in order of their numbers. */
export async function listPartitions(root: string, device: SysfsDevice): Promise<SysfsDevice[]> {
  const found: SysfsDevice[] = [];
  for (const name of await listNames(device.directory)) {
    if ((await readAttribute(device.directory, name, 'partition')) === null) continue;
    const partition = await findByName(root, name);
    if (partition !== null) found.push(partition);
  }
  return found;
}

/** Size and logical sector size; sysfs counts in units of 512 bytes whatever the sector size is. */
export async function readGeometry(device: SysfsDevice): Promise<{ sizeBytes: number; sectorSizeBytes: number }> {
  const size = Number((await readAttribute(device.directory, 'size')) ?? 0) * 512;
  const sector = Number((await readAttribute(await wholeDiskDirectory(device), 'queue/logical_block_size')) ?? 512);
  return { sizeBytes: size, sectorSizeBytes: sector };
}
