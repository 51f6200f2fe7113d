// The sectors that hold a disk's partition tables, verbatim, so that a manifest tells the layout without the chunks.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { DiskMap } from '../disk-map.ts';

export type TableSectors = { readonly offsetBytes: number; readonly base64: string };

/** GPT entries take 16 KiB by convention; a header that claims more than 1 MiB is not followed. */
const maxEntriesBytes = 2 ** 20;
/** Extended partitions form a list on the disk; a longer one is a loop. */
const maxExtended = 128;

/** MBR with its extended boot records, or protective MBR with both GPTs. Damaged tables give what can be reached. */
export async function readTableSectors(reader: ByteReader, { table }: Pick<DiskMap, 'table'>): Promise<TableSectors[]> {
  if (table === 'none') return [];
  const ranges = table === 'gpt' ? await gptRanges(reader) : await mbrRanges(reader);
  const sectors: TableSectors[] = [];
  for (const [offsetBytes, lengthBytes] of ranges) {
    if (offsetBytes < 0 || lengthBytes <= 0 || offsetBytes + lengthBytes > reader.sizeBytes) continue;
    sectors.push({ offsetBytes, base64: (await reader.read(offsetBytes, lengthBytes)).toString('base64') });
  }
  return sectors;
}

type Range = [offsetBytes: number, lengthBytes: number];

/** UEFI 2.10 section 5.3.2: header fields AlternateLBA (32), PartitionEntryLBA (72), NumberOfPartitionEntries (80), SizeOfPartitionEntry (84). */
async function gptRanges(reader: ByteReader): Promise<Range[]> {
  const sector = reader.sectorSizeBytes;
  const ranges: Range[] = [[0, sector]];
  const lastLba = Math.floor(reader.sizeBytes / sector) - 1;
  const primary = await reader.read(sector, sector);
  const alternate = isGptHeader(primary) ? Number(primary.readBigUInt64LE(32)) : lastLba;
  for (const lba of new Set([1, alternate])) {
    if (lba < 1 || lba > lastLba) continue;
    const header = await reader.read(lba * sector, sector);
    if (!isGptHeader(header)) continue;
    const entriesBytes = header.readUInt32LE(80) * header.readUInt32LE(84);
    ranges.push([lba * sector, sector]);
    if (entriesBytes > maxEntriesBytes) continue;
    ranges.push([Number(header.readBigUInt64LE(72)) * sector, Math.ceil(entriesBytes / sector) * sector]);
  }
  return ranges;
}

function isGptHeader(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 8) === 'EFI PART';
}

/** Each extended boot record's second entry points to the next one, counted from the extended partition's start. */
async function mbrRanges(reader: ByteReader): Promise<Range[]> {
  const sector = reader.sectorSizeBytes;
  const ranges: Range[] = [[0, sector]];
  const extended = extendedEntry(await reader.read(0, sector));
  for (let lba = extended; lba !== null && ranges.length <= maxExtended; ) {
    const offsetBytes = lba * sector;
    if (offsetBytes + sector > reader.sizeBytes || ranges.some(([seen]) => seen === offsetBytes)) break;
    ranges.push([offsetBytes, sector]);
    const next: number | null = extendedEntry(await reader.read(offsetBytes, sector));
    lba = next === null || extended === null ? null : extended + next;
  }
  return ranges;
}

/** The start of the entry with an extended type (05, 0f, 85), in sectors. */
function extendedEntry(sector: Buffer): number | null {
  for (let at = 446; at < 510; at += 16) {
    if ([0x05, 0x0f, 0x85].includes(sector[at + 4] ?? 0)) return sector.readUInt32LE(at + 8);
  }
  return null;
}
