// An LVM2 volume group out of its metadata: the physical volume at hand, the logical volumes and what each of their segments rests on.
// Segment types and their fields: lvm2 lib/striped, lib/mirror, lib/raid, lib/thin, lib/cache_segtype, lib/snapshot, lib/vdo, lib/integrity.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import { type LvmScalar, type LvmSection, listOf, numberOf, sectionOf, sectionsIn, textOf } from './lvm-config.ts';
import {
  findLabelSector,
  formatPvUuid,
  type LvmGroupText,
  type LvmLabel,
  labelScanBytes,
  parseLabel,
  readVolumeGroup,
} from './lvm-label.ts';

const sectorBytes = 512;
const maxNameLength = 128;

/** Extents of the physical volume at hand, all numbered from 0. */
export type LvmArea = { readonly firstExtent: number; readonly extentCount: number };

export type LvmSegment = {
  readonly type: string;
  readonly extentCount: number;
  /** What it rests on, in order: an area of this volume, or null for another physical or a logical volume. */
  readonly areas: readonly (LvmArea | null)[];
  readonly stripeBytes: number;
  /** Every name in it: of the logical volumes that it rests on or refers to, among others. */
  readonly names: readonly string[];
};

export type LvmVolume = {
  readonly name: string;
  /** Words of its status and its flags. */
  readonly states: readonly string[];
  readonly segments: readonly LvmSegment[];
};

export type LvmGroup = {
  readonly name: string;
  /** In LVM's notation; null where the metadata have none. */
  readonly uuid: string | null;
  readonly states: readonly string[];
  readonly extentBytes: number;
  /** Physical volumes in the group. */
  readonly deviceCount: number;
  /** Where extent 0 starts on this one. */
  readonly dataAtBytes: number;
  readonly extentCount: number;
  readonly volumes: readonly LvmVolume[];
};

/** By type: the list that may name physical volumes, each with an extent. All other types rest on logical volumes only. */
const areaLists: Readonly<Record<string, string>> = { striped: 'stripes', linear: 'stripes', mirror: 'mirrors' };
const otherTypes =
  /^(raid(0|0_meta|1|4|5|5_n|5_la|5_ls|5_ra|5_rs|6|6_zr|6_nr|6_nc|6_n_6|6_(la|ls|ra|rs)_6|10|10_near)|snapshot|thin|thin-pool|cache|cache-pool|writecache|vdo|vdo-pool|integrity|zero|error)$/;

/** Groups that other machines may be changing are refused, but by those who only want to know what is in them. */
type GroupOptions = { readonly allowShared?: boolean };

/** The group of the physical volume in `bytes`. @throws DeployError as `parseGroup`, source-read, source-vanished */
export async function readGroup(bytes: ByteReader, { allowShared = false }: GroupOptions = {}): Promise<LvmGroup> {
  const sector = findLabelSector(await bytes.read(0, labelScanBytes));
  if (sector === null) throw corrupt('it has no label');
  const label = parseLabel(sector);
  const text = await readVolumeGroup(bytes, label);
  if (!allowShared) refuseShared(text);
  return parseGroup(text, label, bytes.sizeBytes);
}

function refuseShared({ name, section }: LvmGroupText): void {
  const lock = textOf(section, 'lock_type') ?? 'none';
  const states = words(section, 'status');
  if (lock !== 'none' || states.includes('CLUSTERED') || states.includes('SHARED'))
    throw corrupt(`volume group ${name} is shared by several machines`);
}

/** @throws DeployError file-system-corrupt when it is not understood in full, or does not fit the label */
function parseGroup({ name, section }: LvmGroupText, label: LvmLabel, sizeBytes: number): LvmGroup {
  refuseLongName(name);
  const states = words(section, 'status');
  const extentBytes = numberOf(section, 'extent_size') * sectorBytes;
  const devices = sectionsIn(sectionOf(section, 'physical_volumes'));
  const own = devices.filter(([, device]) => device.get('id') === formatPvUuid(label.uuid));
  const [device] = own;
  if (extentBytes === 0 || device === undefined || own.length > 1)
    throw corrupt(`volume group ${name} does not know this physical volume`);
  const place = parseDevice(device[1], label, sizeBytes, extentBytes);
  const names = new Map(devices.map(([key]) => [key, key === device[0]]));
  const volumes = sectionsIn(sectionOf(section, 'logical_volumes')).map(([key, volume]) =>
    parseVolume(key, volume, { devices: names, extentBytes }),
  );
  const uuid = textOf(section, 'id');
  return { name, uuid, states, extentBytes, deviceCount: devices.length, ...place, volumes };
}

/** Names stand in notes and in the manifest. */
function refuseLongName(name: string): void {
  if (name.length > maxNameLength) throw corrupt('its metadata have a name too long');
}

function parseDevice(device: LvmSection, label: LvmLabel, sizeBytes: number, extentBytes: number) {
  const dataAtBytes = numberOf(device, 'pe_start') * sectorBytes;
  const extentCount = numberOf(device, 'pe_count');
  if (dataAtBytes !== label.dataAtBytes || dataAtBytes < 4 * sectorBytes)
    throw corrupt('its label and its metadata differ on where its extents start');
  if (label.deviceBytes > sizeBytes || dataAtBytes + extentCount * extentBytes > sizeBytes)
    throw corrupt('it is larger than its partition');
  return { dataAtBytes, extentCount };
}

/** `devices`: names of physical volumes, and whether it is the one at hand. */
function parseVolume(
  name: string,
  section: LvmSection,
  { devices, extentBytes }: { devices: ReadonlyMap<string, boolean>; extentBytes: number },
): LvmVolume {
  refuseLongName(name);
  const segments = sectionsIn(section).filter(([key]) => /^segment\d+$/.test(key));
  if (segments.length !== numberOf(section, 'segment_count')) throw corrupt(`volume ${name} lacks segments`);
  const parsed = segments
    .map(([, segment]) => ({
      start: numberOf(segment, 'start_extent'),
      segment: parseSegment(segment, devices, extentBytes),
    }))
    .sort((a, b) => a.start - b.start);
  let end = 0;
  for (const { start, segment } of parsed) {
    if (start !== end) throw corrupt(`the segments of volume ${name} do not join`);
    end += segment.extentCount;
  }
  const states = [...words(section, 'status'), ...words(section, 'flags')];
  return { name, states, segments: parsed.map(({ segment }) => segment) };
}

function parseSegment(section: LvmSection, devices: ReadonlyMap<string, boolean>, extentBytes: number): LvmSegment {
  // Behind a plus sign stand features, so that older versions keep their hands off.
  const type = textOf(section, 'type')?.split('+')[0] ?? '';
  const list = areaLists[type];
  if (list === undefined && !otherTypes.test(type))
    throw corrupt(`segments of type '${type.slice(0, 40)}' are unknown`);
  const extentCount = numberOf(section, 'extent_count');
  const pairs = list === undefined ? [] : pair(listOf(section, list));
  const striped = list === 'stripes';
  const areaExtents = striped ? extentCount / pairs.length : extentCount;
  if (list !== undefined && !Number.isInteger(areaExtents)) throw corrupt('a segment has an impossible length');
  const areas = pairs.map(([name, firstExtent]) =>
    devices.get(name) === true ? { firstExtent, extentCount: areaExtents } : null,
  );
  const stripeBytes = striped && pairs.length > 1 ? numberOf(section, 'stripe_size') * sectorBytes : 0;
  if (striped && pairs.length > 1 && stripeBytes === 0) throw corrupt('a segment has empty stripes');
  // The last stripes of such a segment would lie behind the extents that it has.
  if (stripeBytes > 0 && (areaExtents * extentBytes) % stripeBytes !== 0)
    throw corrupt('the stripes of a segment do not fill its extents');
  return { type, extentCount, areas, stripeBytes, names: namesIn(section) };
}

/** `["pv0", 12, "pv1", 0]` as pairs. */
function pair(list: readonly LvmScalar[]): [name: string, extent: number][] {
  if (list.length === 0 || list.length % 2 !== 0) throw corrupt('a segment rests on nothing');
  return Array.from({ length: list.length / 2 }, (_, i) => {
    const [name, extent] = list.slice(2 * i, 2 * i + 2);
    if (typeof name === 'string' && typeof extent === 'number' && Number.isInteger(extent) && extent >= 0)
      return [name, extent];
    throw corrupt('a segment rests on something unknown');
  });
}

function namesIn(section: LvmSection): string[] {
  return [...section.values()]
    .flatMap((value) => (value instanceof Map ? namesIn(value) : value))
    .filter((value) => typeof value === 'string');
}

function words(section: LvmSection, name: string): string[] {
  return listOf(section, name).filter((word) => typeof word === 'string');
}
