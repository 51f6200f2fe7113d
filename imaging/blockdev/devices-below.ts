// The hardware that a path leads to: what a mapping or an array is made of, and the disk of a partition.
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import {
  findByName,
  findByNumber,
  formatMajorMinor,
  listNames,
  type SysfsDevice,
  wholeDiskDirectory,
} from './sysfs.ts';

/** Whole disks as the kernel shows them. None for a file. */
export async function listDevicesBelow(path: string): Promise<SysfsDevice[]> {
  const stats = await stat(path).catch(() => null);
  if (!stats?.isBlockDevice()) return [];
  const device = await findByNumber('/', formatMajorMinor(stats.rdev));
  return device === null ? [] : await descend(device);
}

async function descend(device: SysfsDevice): Promise<SysfsDevice[]> {
  const directory = await wholeDiskDirectory(device);
  const below = await listNames(device.directory, 'slaves');
  const names = below.length === 0 ? [basename(directory)] : below;
  const found = (await Promise.all(names.map((name) => findByName('/', name)))).filter((one) => one !== null);
  if (below.length === 0) return found;
  const deeper = (await Promise.all(found.map(descend))).flat();
  return [...new Map(deeper.map((one) => [one.kernelName, one])).values()];
}
