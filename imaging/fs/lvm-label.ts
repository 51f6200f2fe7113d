// Finds the label of an LVM2 physical volume and through it the text of its volume group.
// Layout: lvm2 lib/format_text/layout.h and lib/label/label.h; checksums: lib/misc/crc.c.
import { crc32 } from 'node:zlib';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import { readInside } from './evidence.ts';
import { type LvmSection, numberOf, parseLvmConfig, sectionsIn } from './lvm-config.ts';

export const labelScanBytes = 4 * 512;
const sectorBytes = 512;
/** Real metadata of ten thousand volumes are a few MiB. */
const maxTextBytes = 32 * 2 ** 20;
const areaMark = ' LVM2 x[5A%r0N*>';
const ignoredFlag = 1;

type Area = { readonly startBytes: number; readonly lengthBytes: number };

export type LvmLabel = {
  /** 32 characters, as it is stored. */
  readonly uuid: string;
  readonly deviceBytes: number;
  /** Where extents start. */
  readonly dataAtBytes: number;
  readonly metadataAreas: readonly Area[];
};

/** LVM's checksum: CRC-32 started from a number of its own and not inverted at either end. */
function lvmChecksum(bytes: Buffer): number {
  return ~crc32(bytes, ~0xf597a6cf >>> 0) >>> 0;
}

/** The sector with the label among the first four, or null. */
export function findLabelSector(head: Buffer): Buffer | null {
  for (let at = 0; at + sectorBytes <= head.length; at += sectorBytes) {
    const sector = head.subarray(at, at + sectorBytes);
    if (sector.toString('latin1', 0, 8) === 'LABELONE' && sector.toString('latin1', 24, 32) === 'LVM2 001')
      return sector;
  }
  return null;
}

/** A physical volume's UUID in LVM's notation. */
export function formatPvUuid(uuid: string): string {
  return uuid.replace(/^(.{6})(.{4})(.{4})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-$5-$6-');
}

export function readPvUuid(sector: Buffer): string {
  return sector.toString('latin1', 32, 64);
}

/** @throws DeployError file-system-corrupt */
export function parseLabel(sector: Buffer): LvmLabel {
  if (lvmChecksum(sector.subarray(20)) !== sector.readUInt32LE(16))
    throw corrupt('its label does not match its checksum');
  if (sector.readUInt32LE(20) !== 32) throw corrupt('its label has an unknown layout');
  const lists = readAreaLists(sector);
  const [data] = lists[0] ?? [];
  if (lists[0]?.length !== 1 || data === undefined) throw corrupt('its label names no data area, or several');
  return {
    uuid: readPvUuid(sector),
    deviceBytes: Number(sector.readBigUInt64LE(64)),
    dataAtBytes: data.startBytes,
    metadataAreas: lists[1] ?? [],
  };
}

/** Two lists of places, data and metadata, each ended by a place of zeros. */
function readAreaLists(sector: Buffer): Area[][] {
  const lists: Area[][] = [[], []];
  let at = 72;
  for (const list of lists) {
    for (; ; at += 16) {
      if (at + 16 > sectorBytes) throw corrupt('its label has too many areas');
      const startBytes = Number(sector.readBigUInt64LE(at));
      if (startBytes === 0) break;
      list.push({ startBytes, lengthBytes: Number(sector.readBigUInt64LE(at + 8)) });
    }
    at += 16;
  }
  return lists;
}

/** A volume group as the text describes it. */
export type LvmGroupText = { readonly name: string; readonly section: LvmSection };

/**
 * The volume group's metadata, on which all areas that are in use must agree.
 * @throws DeployError file-system-corrupt, source-read, source-vanished
 */
export async function readVolumeGroup(bytes: ByteReader, label: LvmLabel): Promise<LvmGroupText> {
  const groups: LvmGroupText[] = [];
  for (const area of label.metadataAreas) {
    const text = await readAreaText(bytes, area);
    if (text !== null) groups.push(findGroup(parseLvmConfig(text)));
  }
  const [first, ...others] = groups;
  if (first === undefined) throw corrupt('it holds no metadata of its volume group, or belongs to none');
  const same = ({ name, section }: LvmGroupText) =>
    name === first.name &&
    section.get('id') === first.section.get('id') &&
    numberOf(section, 'seqno') === numberOf(first.section, 'seqno');
  if (!others.every(same)) throw corrupt('its copies of the metadata differ');
  return first;
}

/** The group is the only section at the top. */
function findGroup(config: LvmSection): LvmGroupText {
  const [found, ...others] = sectionsIn(config);
  if (config.get('contents') !== 'Text Format Volume Group' || config.get('version') !== 1)
    throw corrupt('its metadata have an unknown format');
  if (found === undefined || others.length > 0) throw corrupt('its metadata name no volume group, or several');
  return { name: found[0], section: found[1] };
}

/** The committed text of one metadata area; null when the area is not in use. */
async function readAreaText(bytes: ByteReader, { startBytes, lengthBytes }: Area): Promise<string | null> {
  const header = await readInside(bytes, startBytes, sectorBytes, 'a metadata area');
  if (lvmChecksum(header.subarray(4)) !== header.readUInt32LE(0))
    throw corrupt('the header of a metadata area does not match its checksum');
  const right =
    header.toString('latin1', 4, 20) === areaMark &&
    header.readUInt32LE(20) === 1 &&
    header.readBigUInt64LE(24) === BigInt(startBytes) &&
    header.readBigUInt64LE(32) === BigInt(lengthBytes);
  if (!right) throw corrupt('the header of a metadata area is not the one that belongs there');
  if (header.readBigUInt64LE(72) !== 0n) throw corrupt('a change of its volume group was not finished');
  const textBytes = Number(header.readBigUInt64LE(48));
  if (textBytes === 0 || header.readUInt32LE(60) & ignoredFlag) return null;
  const raw = await readCircular(bytes, { startBytes, lengthBytes }, Number(header.readBigUInt64LE(40)), textBytes);
  if (lvmChecksum(raw) !== header.readUInt32LE(56)) throw corrupt('its metadata do not match their checksum');
  return raw.toString('utf8').replace(/\0+$/, '');
}

/** The text goes on behind the header where it reaches the area's end. */
async function readCircular(bytes: ByteReader, area: Area, offset: number, length: number): Promise<Buffer> {
  const room = area.lengthBytes - sectorBytes;
  if (length > Math.min(room, maxTextBytes) || offset < sectorBytes || offset >= area.lengthBytes)
    throw corrupt('its metadata have an impossible place or length');
  const before = Math.min(length, area.lengthBytes - offset);
  const head = await readInside(bytes, area.startBytes + offset, before, 'its metadata');
  if (before === length) return head;
  return Buffer.concat([head, await readInside(bytes, area.startBytes + sectorBytes, length - before, 'its metadata')]);
}
