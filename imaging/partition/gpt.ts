// Reads GUID partition tables, the primary one or, where that is damaged, the backup at the disk's last sector.
// Layout: UEFI specification 2.10, section 5.3.
import { crc32 } from 'node:zlib';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import { readMbrEntries } from './mbr.ts';
import { maxPartitions, type Partition, type PartitionTable, type TableFinding } from './partition.ts';

/** The usual table has 128 entries; more than this is damage, and bounds what a hostile header can make us read. */
const maximumEntries = 4096;

type Header = {
  readonly lba: number;
  readonly diskGuid: string;
  readonly entriesLba: number;
  readonly entryCount: number;
  readonly entryBytes: number;
  readonly entriesCrc: number;
};

/** One of a disk's two copies: its header, the sector that holds it, and its entries. */
export type GptCopy = { readonly header: Header; readonly headerSector: Buffer; readonly entries: Buffer };

/** The GPT that the protective MBR of `disk` promises, with LBAs of the disk's sector size; `none` without such an MBR. */
export async function readGpt(disk: ByteReader): Promise<TableFinding> {
  const sectorBytes = disk.sectorSizeBytes;
  const sectors = Math.floor(disk.sizeBytes / sectorBytes);
  if (sectors < 4) return { kind: 'none' };
  const protective = readMbrEntries(await disk.read(0, sectorBytes));
  if (protective === null || !protective.some((entry) => entry.type === 0xee)) return { kind: 'none' };
  const primary = await readGptCopy(disk, 1);
  const backup = await readGptCopy(disk, sectors - 1);
  const chosen = primary ?? backup;
  if (chosen === null) return { kind: 'unusable', type: 'gpt', reason: 'both its headers are damaged' };
  const partitions = readEntries(chosen, sectorBytes, sectors);
  if (typeof partitions === 'string') return { kind: 'unusable', type: 'gpt', reason: partitions };
  const hybrid = protective.some(({ type }) => type !== 0 && type !== 0xee);
  const table: PartitionTable = {
    type: 'gpt',
    diskId: chosen.header.diskGuid,
    sectorSizeBytes: sectorBytes,
    partitions,
    ownExtents: [
      { startBytes: 0, lengthBytes: sectorBytes },
      ...ownExtents(primary, sectorBytes),
      ...ownExtents(backup, sectorBytes),
    ],
    notes: describeOddities(primary, backup, hybrid),
    hybrid,
  };
  return { kind: 'table', table };
}

function describeOddities(primary: GptCopy | null, backup: GptCopy | null, hybrid: boolean): string[] {
  const notes: string[] = [];
  if (primary === null) notes.push('the primary GPT is damaged; its backup was used');
  if (backup === null) notes.push('no valid backup GPT stands at the end of the disk');
  if (primary !== null && backup !== null && primary.header.diskGuid !== backup.header.diskGuid) {
    notes.push('the backup GPT belongs to another disk; the primary was used');
  }
  if (hybrid) notes.push('a hybrid MBR lists partitions too; the GPT was used');
  return notes;
}

/** The header at `lba` with its entries, or null unless both checksums hold. */
export async function readGptCopy(disk: ByteReader, lba: number): Promise<GptCopy | null> {
  const sectorBytes = disk.sectorSizeBytes;
  const headerSector = await disk.read(lba * sectorBytes, sectorBytes);
  const header = parseHeader(headerSector, lba);
  if (header === null) return null;
  const lengthBytes = header.entryCount * header.entryBytes;
  const startBytes = header.entriesLba * sectorBytes;
  if (startBytes + lengthBytes > disk.sizeBytes) return null;
  const entries = await disk.read(startBytes, lengthBytes);
  return crc32(entries) === header.entriesCrc ? { header, headerSector, entries } : null;
}

function parseHeader(sector: Buffer, lba: number): Header | null {
  if (sector.toString('latin1', 0, 8) !== 'EFI PART') return null;
  const headerBytes = sector.readUInt32LE(12);
  if (headerBytes < 92 || headerBytes > sector.length) return null;
  const summed = Buffer.from(sector.subarray(0, headerBytes));
  summed.writeUInt32LE(0, 16);
  if (crc32(summed) !== sector.readUInt32LE(16) || readLba(sector, 24) !== lba) return null;
  const header = {
    lba,
    diskGuid: formatGuid(sector, 56),
    entriesLba: readLba(sector, 72),
    entryCount: sector.readUInt32LE(80),
    entryBytes: sector.readUInt32LE(84),
    entriesCrc: sector.readUInt32LE(88),
  };
  const saneSize =
    header.entryBytes >= 128 && header.entryBytes <= 4096 && (header.entryBytes & (header.entryBytes - 1)) === 0;
  return saneSize && header.entryCount > 0 && header.entryCount <= maximumEntries ? header : null;
}

function ownExtents(table: GptCopy | null, sectorBytes: number): Extent[] {
  if (table === null) return [];
  const { lba, entriesLba } = table.header;
  const entriesBytes = Math.ceil(table.entries.length / sectorBytes) * sectorBytes;
  return [
    { startBytes: lba * sectorBytes, lengthBytes: sectorBytes },
    { startBytes: entriesLba * sectorBytes, lengthBytes: entriesBytes },
  ];
}

/** The partitions, or the reason why they cannot be believed. */
function readEntries({ header, entries }: GptCopy, sectorBytes: number, sectors: number): Partition[] | string {
  const partitions: Partition[] = [];
  for (let i = 0; i < header.entryCount; i++) {
    const entry = entries.subarray(i * header.entryBytes, (i + 1) * header.entryBytes);
    const type = formatGuid(entry, 0);
    if (type === '00000000-0000-0000-0000-000000000000') continue;
    if (partitions.length === maxPartitions) return `it lists more than ${maxPartitions} partitions`;
    const [first, last] = [readLba(entry, 32), readLba(entry, 40)];
    if (first > last) return `partition ${i + 1} ends before it starts`;
    if (last >= sectors) return `partition ${i + 1} reaches past the disk's end`;
    partitions.push({
      number: i + 1,
      startBytes: first * sectorBytes,
      sizeBytes: (last - first + 1) * sectorBytes,
      type,
      uuid: formatGuid(entry, 16),
      name: entry.toString('utf16le', 56, 128).split('\0')[0] || null,
      container: false,
    });
  }
  return partitions;
}

/** A 64-bit LBA; values past 2^53 lose their low bits, but stay past any disk's end. */
function readLba(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32;
}

/** A GUID in lower case: its first three fields are little-endian (UEFI specification 2.10, appendix A). */
function formatGuid(bytes: Buffer, at: number): string {
  const part = (from: number, to: number) => bytes.toString('hex', at + from, at + to);
  const swapped = (from: number, to: number) =>
    Buffer.from(bytes.subarray(at + from, at + to))
      .reverse()
      .toString('hex');
  return `${swapped(0, 4)}-${swapped(4, 6)}-${swapped(6, 8)}-${part(8, 10)}-${part(10, 16)}`;
}
