// Which piece of hardware a block device is: model, serial number, WWN, bus; from sysfs, and from udev's database where that knows more.
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readAttribute, type SysfsDevice, wholeDiskDirectory } from './sysfs.ts';

/** How a disk hangs on the machine. */
export type Bus =
  | 'nvme'
  | 'sata'
  | 'sas'
  | 'fc'
  | 'iscsi'
  | 'scsi'
  | 'virtio'
  | 'usb'
  | 'mmc'
  | 'xen'
  | 'loop'
  | 'md'
  | 'dm'
  | 'other';

export type Hardware = {
  readonly model: string | null;
  readonly serial: string | null;
  readonly wwn: string | null;
  readonly bus: Bus;
};

/** What identifies the hardware below `device` (of a partition: its disk). Everything may be null: virtual devices have none. */
export async function readHardware(root: string, device: SysfsDevice): Promise<Hardware> {
  const disk = await wholeDiskDirectory(device);
  const number = (await readAttribute(disk, 'dev')) ?? device.majorMinor;
  const udev = await readUdevProperties(root, number);
  const bus = await readBus(disk);
  return {
    model:
      (await readAttribute(disk, 'device/model')) ??
      (await readAttribute(disk, 'device/name')) ??
      readUdev(udev, 'ID_MODEL'),
    serial: await readSerial(disk, udev),
    wwn:
      normaliseWwn((await readAttribute(disk, 'wwid')) ?? (await readAttribute(disk, 'device/wwid'))) ??
      readUdevWwn(udev),
    bus,
  };
}

/** udev's properties of the device `MAJ:MIN`; empty where udev does not run. */
export async function readUdevProperties(root: string, majorMinor: string): Promise<Map<string, string>> {
  const file = join(root, `run/udev/data/b${majorMinor}`);
  // In memory; udev puts a new file in the place of the old one.
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const lines = text.split('\n').filter((line) => line.startsWith('E:') && line.includes('='));
  return new Map(lines.map((line) => [line.slice(2, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

function readUdev(udev: Map<string, string>, name: string): string | null {
  return udev.get(name)?.trim() || null;
}

function readUdevWwn(udev: Map<string, string>): string | null {
  return normaliseWwn(readUdev(udev, 'ID_WWN_WITH_EXTENSION') ?? readUdev(udev, 'ID_WWN'));
}

async function readSerial(disk: string, udev: Map<string, string>): Promise<string | null> {
  const attribute = (await readAttribute(disk, 'serial')) ?? (await readAttribute(disk, 'device/serial'));
  return attribute ?? (await readVitalProductSerial(disk)) ?? readUdev(udev, 'ID_SERIAL_SHORT');
}

/** The unit serial number page (SPC-4, 7.8.17): four bytes of header, then ASCII. */
async function readVitalProductSerial(disk: string): Promise<string | null> {
  const page = await readFile(join(disk, 'device/vpd_pg80')).catch(() => null);
  if (page === null || page.length < 5) return null;
  const text = page
    .toString('latin1', 4)
    .replaceAll(/[^\x21-\x7e]+/g, ' ')
    .trim();
  return text === '' ? null : text;
}

/** `naa.5000…` as `0x5000…`, as udev and labels on disks write it; `eui.…` and `uuid.…` as they are; names made up of model and serial: none. */
function normaliseWwn(wwid: string | null): string | null {
  if (wwid === null) return null;
  const lower = wwid.toLowerCase();
  if (lower.startsWith('naa.')) return `0x${lower.slice(4)}`;
  return lower.startsWith('0x') || lower.startsWith('eui.') || lower.startsWith('uuid.') ? lower : null;
}

async function readBus(disk: string): Promise<Bus> {
  const name = disk.slice(disk.lastIndexOf('/') + 1);
  const byName = /^(nvme|mmc|loop|md|dm-|xvd)/.exec(name)?.[1];
  if (byName !== undefined) return byName === 'dm-' ? 'dm' : byName === 'xvd' ? 'xen' : (byName as Bus);
  if (/\/usb\d+\//.test(disk)) return 'usb';
  if (/\/virtio\d+\/block\//.test(disk)) return 'virtio';
  if (/\/ata\d+\//.test(disk)) return 'sata';
  if (/\/rport-/.test(disk)) return 'fc';
  if (/\/session\d+\//.test(disk)) return 'iscsi';
  if (/\/end_device-/.test(disk)) return 'sas';
  return /\/host\d+\//.test(disk) ? 'scsi' : 'other';
}
