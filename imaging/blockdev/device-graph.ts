// Reads the graph of a machine's block devices out of sysfs and udev's database, below `/` or a recorded tree.
import { realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readArrayState } from './array-state.ts';
import type { Contents, Controller, DeviceGraph, DeviceKind, DeviceNode } from './device-node.ts';
import { readHardware, readUdevProperties } from './hardware.ts';
import { readLinkSpeed } from './link-speed.ts';
import { findController, readPlace } from './place.ts';
import { findByName, listNames, readAttribute, readGeometry, type SysfsDevice, wholeDiskDirectory } from './sysfs.ts';

/** Every block device that the kernel shows, hidden ones too. `root` is `/`, or where a recorded tree lies. */
export async function readDeviceGraph(root = '/'): Promise<DeviceGraph> {
  const nodes = new Map<string, DeviceNode>();
  for (const name of await listNames(root, 'sys/class/block')) {
    const device = await findDevice(root, name);
    if (device !== null) nodes.set(name, await readNode(root, device));
  }
  return nodes;
}

/** A path of a namespace is hidden and has no number. */
async function findDevice(root: string, name: string): Promise<SysfsDevice | null> {
  const found = await findByName(root, name);
  if (found !== null || !/^nvme\d+c\d+n\d+$/.test(name)) return found;
  const directory = await realpath(join(root, 'sys/class/block', name)).catch(() => null);
  return directory === null ? null : { kernelName: name, majorMinor: '', directory, devicePath: '' };
}

async function readNode(root: string, device: SysfsDevice): Promise<DeviceNode> {
  const { kernelName, majorMinor, directory, devicePath } = device;
  const disk = await wholeDiskDirectory(device);
  const partition = await readAttribute(directory, 'partition');
  const geometry = await readGeometry(device);
  const dmUuid = await readAttribute(directory, 'dm/uuid');
  const [udev, array, removable] = await Promise.all([
    readUdevProperties(root, majorMinor),
    readArrayState(root, directory),
    isRemovable(disk),
  ]);
  return {
    ...{ kernelName, majorMinor, directory, devicePath, ...geometry, dmUuid, udev, array, removable },
    kind: kindOf({ kernelName, partition, sizeBytes: geometry.sizeBytes, dmUuid, level: array?.level ?? null }),
    physicalSectorSizeBytes: Number((await readAttribute(disk, 'queue/physical_block_size')) ?? 512),
    readOnly: (await readAttribute(directory, 'ro')) === '1',
    hardware: await readHardware(root, device),
    place: await readPlace(directory),
    controller: await readController(directory),
    partOf: partition === null ? null : basename(disk),
    partitionNumber: partition === null ? null : Number(partition),
    below: await listNames(directory, 'slaves'),
    above: await listNames(directory, 'holders'),
    dmName: await readAttribute(directory, 'dm/name'),
    contents: readContents(udev),
    state: await readState(disk),
    linkSpeed: await readLinkSpeed(disk),
  };
}

type Signs = {
  kernelName: string;
  partition: string | null;
  sizeBytes: number;
  dmUuid: string | null;
  level: string | null;
};

const kindsByName: readonly (readonly [RegExp, DeviceKind])[] = [
  [/^(ram|zram|nullb)\d/, 'memory'],
  [/^loop\d/, 'loop'],
  [/^sr\d/, 'optical'],
  [/^fd\d/, 'floppy'],
  [/^mtdblock\d/, 'flash'],
  [/^mmcblk\d+(boot\d+|rpmb)$/, 'boot-area'],
  [/^nvme\d+c\d+n\d+$/, 'path'],
  [/^(nbd|drbd|rbd)\d/, 'network'],
];

function kindOf({ kernelName, partition, sizeBytes, dmUuid, level }: Signs): DeviceKind {
  if (partition !== null) return 'partition';
  const byName = kindsByName.find(([pattern]) => pattern.test(kernelName))?.[1];
  if (byName !== undefined) return byName;
  if (level === 'container') return 'container';
  if (sizeBytes === 0) return 'empty';
  if (/^md/.test(kernelName)) return 'array';
  if (!/^dm-/.test(kernelName)) return 'disk';
  if (dmUuid?.startsWith('mpath-')) return 'multipath';
  return dmUuid?.startsWith('DMRAID-') ? 'array' : 'mapping';
}

/** What the kernel says when the way to the device does not work, else how good a way it is (SCSI ALUA, NVMe ANA) where that is known. */
async function readState(disk: string): Promise<string | null> {
  const state = await readAttribute(disk, 'device/state');
  if (state !== null && state !== 'live' && state !== 'running') return state;
  return (await readAttribute(disk, 'device/access_state')) ?? (await readAttribute(disk, 'ana_state')) ?? state;
}

/** On USB, an SD card, or with a medium that can be taken out. */
async function isRemovable(disk: string): Promise<boolean> {
  if (/\/usb\d+\//.test(disk) || (await readAttribute(disk, 'removable')) === '1') return true;
  return (await readAttribute(disk, 'device/type')) === 'SD';
}

async function readController(directory: string): Promise<Controller | null> {
  const at = await findController(directory);
  if (at === null) return null;
  const driver = await realpath(join(at, 'driver')).catch(() => null);
  return {
    address: basename(at),
    driver: driver === null ? null : basename(driver),
    vendorId: (await readAttribute(at, 'vendor'))?.replace('0x', '') ?? null,
    deviceId: (await readAttribute(at, 'device'))?.replace('0x', '') ?? null,
  };
}

function readContents(udev: ReadonlyMap<string, string>): Contents | null {
  const type = udev.get('ID_FS_TYPE');
  if (type === undefined) return null;
  return { type, label: udev.get('ID_FS_LABEL') ?? null, uuid: udev.get('ID_FS_UUID') ?? null };
}
