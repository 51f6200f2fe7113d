// What a person calls the machine's disks, in an order that does not change from boot to boot (docs/disks.md).
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findUses } from './device-uses.ts';
import type { Disk } from './disk.ts';
import { type Hardware, readHardware, readUdevProperties } from './hardware.ts';
import { findMembership } from './member-signature.ts';
import { openReader } from './open-reader.ts';
import {
  compareNumbered,
  comparePlaces,
  findByName,
  listNames,
  readAttribute,
  readGeometry,
  type SysfsDevice,
} from './sysfs.ts';

/**
 * Never a disk: memory, optical and floppy drives, flash without a translation layer, an eMMC's boot areas; and loop devices:
 * what they show is a file, as the Deploy-OS's own root is.
 */
const neverDisks = /^(ram|zram|loop|sr|fd|mtdblock|nullb)\d|^mmcblk\d+(boot\d+|rpmb)$/;

type Candidate = {
  readonly device: SysfsDevice;
  readonly hardware: Hardware;
  readonly udev: Map<string, string>;
  readonly members: readonly SysfsDevice[];
  /** Device-mapper's name for the mapping, `mpath-3600…`; null elsewhere. */
  readonly dmUuid: string | null;
  /** Where it hangs: the controller's place in sysfs; of an array, its first member's. */
  readonly place: string;
  readonly removable: boolean;
};

/**
 * The machine's disks, internal ones first, then by controller path, numbered from 1. Members of arrays and single paths
 * of a LUN are not listed: they stand under their array or LUN. `root` is `/`, or where a recorded tree lies.
 */
export async function listDisks(root = '/'): Promise<Disk[]> {
  const candidates: Candidate[] = [];
  for (const name of await listNames(root, 'sys/block')) {
    const device = neverDisks.test(name) ? null : await findByName(root, name);
    if (device !== null && (await isDisk(device))) candidates.push(await describeCandidate(root, device));
  }
  const folded = new Set(candidates.flatMap((candidate) => candidate.members.map((member) => member.kernelName)));
  const disks = candidates.filter((candidate) => !folded.has(candidate.device.kernelName)).sort(compareCandidates);
  return await Promise.all(disks.map((candidate, i) => toDisk(root, candidate, i + 1)));
}

/** No medium, one path of an NVMe namespace, or a mapping that is a volume of some disk: no disk. */
async function isDisk(device: SysfsDevice): Promise<boolean> {
  if ((await readAttribute(device.directory, 'hidden')) === '1') return false;
  if ((await readGeometry(device)).sizeBytes === 0) return false;
  if (!device.kernelName.startsWith('dm-')) return true;
  return /^(mpath|DMRAID)-/.test((await readAttribute(device.directory, 'dm/uuid')) ?? '');
}

async function describeCandidate(root: string, device: SysfsDevice): Promise<Candidate> {
  const hardware = await readHardware(root, device);
  const members = await listMembers(root, device);
  const places = await Promise.all([device, ...members].map(findPlace));
  const own = places[0] ?? device.directory;
  return {
    device,
    hardware,
    members,
    dmUuid: await readAttribute(device.directory, 'dm/uuid'),
    udev: await readUdevProperties(root, device.majorMinor),
    place: members.length === 0 ? own : (places.slice(1).sort(comparePlaces)[0] ?? own),
    removable: await isRemovable([device, ...members]),
  };
}

async function listMembers(root: string, device: SysfsDevice): Promise<SysfsDevice[]> {
  const names = /^(md|dm-)/.test(device.kernelName) ? await listNames(device.directory, 'slaves') : [];
  const members = await Promise.all(names.map((name) => findByName(root, name)));
  return members.filter((member) => member !== null);
}

/** The device's directory; an NVMe namespace with several controllers lies in none of them, so the first controller's stands for it. */
async function findPlace(device: SysfsDevice): Promise<string> {
  const subsystem = dirname(device.directory);
  if (!/\/nvme-subsys\d+$/.test(subsystem)) return device.directory;
  const controllers = (await listNames(subsystem)).filter((name) => /^nvme\d+$/.test(name));
  const places = await Promise.all(controllers.map((name) => realpath(join(subsystem, name)).catch(() => null)));
  const [first] = places.filter((place) => place !== null).sort(comparePlaces);
  return first ?? device.directory;
}

async function isRemovable(devices: readonly SysfsDevice[]): Promise<boolean> {
  for (const device of devices) {
    if (device.directory.includes('/usb') || (await readAttribute(device.directory, 'removable')) === '1') return true;
    if ((await readAttribute(device.directory, 'device/type')) === 'SD') return true;
  }
  return false;
}

/** Internal disks, then removable ones, then virtual ones; within each by place. */
function compareCandidates(a: Candidate, b: Candidate): number {
  return (
    rankOf(a) - rankOf(b) ||
    comparePlaces(a.place, b.place) ||
    compareNumbered(a.device.kernelName, b.device.kernelName)
  );
}

function rankOf({ place, removable }: Candidate): number {
  const virtual = place.includes('/virtual/') && !place.includes('/nvme-subsystem/');
  return virtual ? 2 : removable ? 1 : 0;
}

async function toDisk(root: string, candidate: Candidate, number: number): Promise<Disk> {
  const { device, hardware, removable, members } = candidate;
  return {
    ...identify(candidate),
    number,
    kernelName: device.kernelName,
    devicePath: device.devicePath,
    ...(await readGeometry(device)),
    model: hardware.model ?? (await readAttribute(device.directory, 'dm/name')),
    serial: hardware.serial,
    wwn: wwnOf(candidate),
    bus: hardware.bus,
    removable,
    readOnly: (await readAttribute(device.directory, 'ro')) === '1',
    inUseBy: await describeUses(root, device),
    members: members.map((member) => member.devicePath),
  };
}

async function describeUses(root: string, device: SysfsDevice): Promise<string[]> {
  const uses = (await findUses(root, { device })).map((use) => use.text);
  return [...uses, ...(await describeMembership(device))];
}

/** A disk that cannot be read is still a disk: what it belongs to is then unknown, and whoever reads it gets the error. */
async function describeMembership(device: SysfsDevice): Promise<string[]> {
  const reader = await openReader(device.devicePath).catch(() => null);
  const membership = reader === null ? null : await findMembership(reader).catch(() => null);
  await reader?.close();
  return membership === null ? [] : [`${device.devicePath} is a member of ${membership}`];
}

/** A LUN behind several paths has its WWN in device-mapper's name for it: `mpath-3` and the NAA number. */
function wwnOf({ hardware, dmUuid }: Candidate): string | null {
  const found = /^mpath-3([0-9a-f]{16,32})$/.exec(dmUuid ?? '')?.[1];
  return hardware.wwn ?? (found === undefined ? null : `0x${found}`);
}

function identify(candidate: Candidate): Pick<Disk, 'id' | 'idKind'> {
  const { hardware, udev, place, dmUuid } = candidate;
  const wwn = wwnOf(candidate);
  const array = udev.get('MD_UUID') ?? dmUuid;
  if (wwn !== null) return { id: `wwn-${wwn}`, idKind: 'wwn' };
  if (hardware.serial !== null) {
    return { id: clean(`serial-${hardware.model ?? hardware.bus}-${hardware.serial}`), idKind: 'serial' };
  }
  if (array !== null) return { id: clean(`array-${array}`), idKind: 'array' };
  return { id: clean(`path-${udev.get('ID_PATH') ?? place.split('/devices/')[1] ?? place}`), idKind: 'path' };
}

function clean(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9:.=_+-]+/g, '_');
}
