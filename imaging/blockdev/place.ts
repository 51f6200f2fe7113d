// Where a disk hangs in the machine, written so that it is the same on every boot: what the kernel counts up as it finds things is left out or
// replaced by what the hardware itself says. Disk numbers, and ids of the last resort, rest on it (docs/disks.md).
import { realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { compareNumbered, listNames, readAttribute } from './sysfs.ts';

/** One directory on the way from /sys/devices to the device. */
type Segment = { readonly name: string; readonly directory: string; readonly before: readonly string[] };
type Word = string | null | Promise<string | null>;
type Rule = { readonly pattern: RegExp; readonly say: (segment: Segment, match: RegExpExecArray) => Word };

const pciAddress = /^[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;
const usbPort = /^\d+-([\d.]+)$/;

/**
 * What each kind of segment says of the place: the first rule that fits. Null is nothing, because it is a number of the kernel's
 * or stands in a neighbouring segment. A name without a rule stands for itself. Names: Linux Documentation/ABI/testing/sysfs-*, dev_set_name in the drivers.
 */
const rules: readonly Rule[] = [
  { pattern: /^(pci[0-9a-f]{4}:[0-9a-f]{2}|virtio\d+|target\d+:.*|end_device-.*|expander-.*)$/, say: () => null },
  { pattern: /^(block|nvme|mmc_host|mmc\d+:\w+|nvme-subsystem|nvme-subsys\d+)$/, say: () => null },
  { pattern: /^ata\d+$/, say: readAtaPort },
  { pattern: /^(host|usb|mmc)\d+$/, say: rankSegment },
  { pattern: usbPort, say: describeUsbPort },
  { pattern: /^\d+-[\d.]+:(\d+\.\d+)$/, say: (_, [, number]) => `interface${number}` },
  { pattern: /^\d+:(\d+):(\d+):(\d+)$/, say: describeUnit },
  { pattern: /^rport-/, say: (segment) => readSelf(segment, 'fc_remote_ports', 'port_name', 'fc-') },
  { pattern: /^session\d+$/, say: (segment) => readSelf(segment, 'iscsi_session', 'targetname', 'iscsi-') },
  { pattern: /^port-\d+:[\d:]+$/, say: readPhy },
  { pattern: /^nvme\d+$/, say: readFabric },
  { pattern: /^nvme\d+(?:c\d+)?n(\d+)$/, say: (_, [, number]) => `namespace${number}` },
  { pattern: /^mmcblk\d+(boot\d+|rpmb)$/, say: (_, [, area]) => area ?? null },
  {
    pattern: /^(?:[shv]d[a-z]+|xvd[a-z]+|nvme\d+n\d+p|mmcblk\d+p)(\d+)$/,
    say: (_, [, number]) => `partition${number}`,
  },
  { pattern: /^(sd[a-z]+|vd[a-z]+|xvd[a-z]+|hd[a-z]+|sr\d+|mmcblk\d+)$/, say: () => null },
];

/** The place of the device with this directory in sysfs, such as `0000:00:1f.2/ata1/scsi0:0:0`. */
export async function readPlace(directory: string): Promise<string> {
  const words = await Promise.all((await wayTo(directory)).map(describe));
  return words.filter((word) => word !== null).join('/');
}

/** The directory of the PCI function through which the device is reached, or null. */
export async function findController(directory: string): Promise<string | null> {
  return (await wayTo(directory)).findLast(({ name }) => pciAddress.test(name))?.directory ?? null;
}

/** A namespace with several controllers lies below none of them: the one in the first place stands for all. */
async function wayTo(directory: string): Promise<Segment[]> {
  const segments = split(directory);
  const subsystem = segments.find(({ name }) => /^nvme-subsys\d+$/.test(name));
  if (subsystem === undefined) return segments;
  const names = (await listNames(subsystem.directory)).filter((name) => /^nvme\d+$/.test(name));
  const controllers = await Promise.all(
    names.map((name) => realpath(join(subsystem.directory, name)).catch(() => null)),
  );
  const places = await Promise.all(
    controllers.filter((at) => at !== null).map(async (at) => ({ at, place: await readPlace(at) })),
  );
  const first = places.sort((a, b) => comparePlaces(a.place, b.place))[0];
  return first === undefined ? segments : [...split(first.at), ...segments.slice(-1)];
}

function split(directory: string): Segment[] {
  const start = directory.indexOf('/sys/devices/') + '/sys/devices/'.length;
  const names = directory.slice(start).split('/');
  return names.map((name, i) => ({
    name,
    directory: directory.slice(0, start) + names.slice(0, i + 1).join('/'),
    before: names.slice(0, i),
  }));
}

function describe(segment: Segment): Word {
  for (const { pattern, say } of rules) {
    const match = pattern.exec(segment.name);
    if (match !== null) return say(segment, match);
  }
  return segment.name;
}

/** `1-2.3` hangs on port 2.3 of its bus; of a chain of hubs each name repeats the way to it. */
function describeUsbPort({ name, before }: Segment, [, port = '']: RegExpExecArray): string {
  const hub = before.findLast((other) => usbPort.test(other));
  return `port${hub === undefined ? port : name.slice(hub.length + 1)}`;
}

/** Channel, target and unit. Fabrics number targets in the order of discovery: there only the unit lasts. */
function describeUnit({ before }: Segment, [, channel, target, unit]: RegExpExecArray): string {
  const discovered = before.some((name) => /^(rport-|session\d|end_device-)/.test(name));
  return discovered ? `unit${unit}` : `scsi${channel}:${target}:${unit}`;
}

/** The port's number on its own controller; the name counts the ports of all controllers. */
async function readAtaPort(segment: Segment): Promise<string | null> {
  const port = await readAttribute(segment.directory, 'ata_port', segment.name, 'port_no');
  return `ata${port ?? (await rank(segment)).rank}`;
}

/** `usb2` for the controller's second bus; nothing where there is one only. Hosts made of software have no order that lasts. */
async function rankSegment(segment: Segment): Promise<string | null> {
  if (['platform', 'virtual'].includes(segment.before.at(-1) ?? '')) return null;
  const { kind, rank: own, of } = await rank(segment);
  return of > 1 ? `${kind}${own}` : null;
}

/** Among its kind below the same parent, from 1: the kernel gives the parts of one controller numbers in their order, whatever else it finds meanwhile. */
async function rank({ name, directory }: Segment): Promise<{ kind: string; rank: number; of: number }> {
  const kind = name.replace(/\d+$/, '');
  const siblings = (await listNames(dirname(directory))).filter((other) => other.replace(/\d+$/, '') === kind);
  return { kind, rank: siblings.indexOf(name) + 1, of: siblings.length };
}

async function readSelf({ name, directory }: Segment, kind: string, attribute: string, prefix: string) {
  const text = await readAttribute(directory, kind, name, attribute);
  return text === null ? name : `${prefix}${text}`;
}

/** A SAS port is made of phys, whose numbers are those of the sockets; its own number is that of its discovery. */
async function readPhy({ name, directory }: Segment): Promise<string> {
  const phy = (await listNames(directory)).find((other) => other.startsWith('phy-'));
  return phy === undefined ? name : `phy${phy.split(':').at(-1)}`;
}

/** Of NVMe over a network the subsystem's name; of a controller in a slot nothing, its slot has been said. */
async function readFabric({ directory, before }: Segment): Promise<string | null> {
  const name = before.includes('nvme-fabrics') ? await readAttribute(directory, 'subsysnqn') : null;
  return name === null ? null : `nvme-${name}`;
}

/** Orders places part by part; PCI addresses are hexadecimal, digits elsewhere compare as numbers. */
export function comparePlaces(a: string, b: string): number {
  const [left, right] = [a.split('/'), b.split('/')];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const order = compareNumbered(toDecimal(left[i] ?? ''), toDecimal(right[i] ?? ''));
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

function toDecimal(part: string): string {
  if (!pciAddress.test(part)) return part;
  return part.replaceAll(/[0-9a-f]+/g, (digits) => String(Number.parseInt(digits, 16)));
}
