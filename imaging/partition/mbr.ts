// Reads MBR tables: four primary entries, and the chain of extended boot records that holds the logical ones.
// Layout: UEFI specification 2.10, section 5.2; the chain of EBRs as Linux reads it (block/partitions/msdos.c describes the convention).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import type { Partition, TableFinding } from './partition.ts';

export type MbrEntry = {
  readonly bootFlag: number;
  readonly type: number;
  readonly startLba: number;
  readonly sectors: number;
};

export const extendedTypes = new Set([0x05, 0x0f, 0x85]);
/** The kernel gives up at 256 partitions a disk; a longer chain is damage. */
const maximumLogical = 256;

/** The four entries of a boot record, or null without the 55 AA mark. Entries of type 0 or without sectors are empty. */
export function readMbrEntries(sector: Buffer): MbrEntry[] | null {
  if (sector.length < 512 || sector.readUInt16LE(510) !== 0xaa55) return null;
  return [446, 462, 478, 494].map((at) => ({
    bootFlag: sector.readUInt8(at),
    type: sector.readUInt8(at + 4),
    startLba: sector.readUInt32LE(at + 8),
    sectors: sector.readUInt32LE(at + 12),
  }));
}

/** Whether the entries can be a partition table at all: sane boot flags and at least one entry that starts after the table. */
function looksLikeMbr(entries: readonly MbrEntry[]): boolean {
  const used = entries.filter((entry) => !isEmpty(entry));
  return used.length > 0 && entries.every(hasSaneFlag) && used.every((entry) => entry.startLba > 0);
}

function isEmpty(entry: MbrEntry): boolean {
  return entry.type === 0 || entry.sectors === 0;
}

function hasSaneFlag(entry: MbrEntry): boolean {
  return entry.bootFlag === 0 || entry.bootFlag === 0x80;
}

/** The table in sector 0 and its chain of extended boot records; `unusable` with the reason when one of them is damaged. */
export async function readMbr(disk: ByteReader): Promise<TableFinding> {
  const sectorBytes = disk.sectorSizeBytes;
  const first = await disk.read(0, sectorBytes);
  const entries = readMbrEntries(first);
  if (entries === null || !looksLikeMbr(entries)) return { kind: 'none' };
  const diskId = first.readUInt32LE(440).toString(16).padStart(8, '0');
  const build = new TableBuilder(disk, diskId);
  entries.forEach((entry, i) => {
    if (!isEmpty(entry)) build.add(i + 1, entry, 0, extendedTypes.has(entry.type));
  });
  for (const entry of entries) {
    if (!isEmpty(entry) && extendedTypes.has(entry.type)) await walkExtended(disk, entry, build);
  }
  return build.finish();
}

/** Follows one chain: each EBR holds one logical partition, relative to itself, and a link, relative to the container's start. */
async function walkExtended(disk: ByteReader, container: MbrEntry, build: TableBuilder): Promise<void> {
  const lastLba = Math.floor(disk.sizeBytes / disk.sectorSizeBytes) - 1;
  const seen = new Set<number>();
  let at: number | null = container.startLba;
  while (at !== null && build.problem === null) {
    if (seen.has(at)) return build.refuse(`the chain of extended boot records comes back to sector ${at}`);
    if (at > lastLba) return build.refuse(`an extended boot record at sector ${at} lies past the disk's end`);
    seen.add(at);
    const entries = readMbrEntries(await disk.read(at * disk.sectorSizeBytes, disk.sectorSizeBytes));
    // A container without a boot record holds no logical partitions yet: a fresh one looks like that.
    if (entries === null)
      return seen.size === 1 ? undefined : build.refuse(`the extended boot record at sector ${at} is damaged`);
    build.own(at);
    at = addLogical(entries, at, container, build);
  }
}

/** Adds what one EBR describes and returns where the next one is. */
function addLogical(entries: readonly MbrEntry[], at: number, container: MbrEntry, build: TableBuilder): number | null {
  let next: number | null = null;
  for (const entry of entries) {
    if (isEmpty(entry)) continue;
    if (!hasSaneFlag(entry)) build.refuse(`the extended boot record at sector ${at} is damaged`);
    else if (!extendedTypes.has(entry.type)) build.add(build.nextLogical++, entry, at, false);
    else next ??= container.startLba + entry.startLba;
  }
  if (build.nextLogical > 5 + maximumLogical)
    build.refuse(`the extended partition holds more than ${maximumLogical} logical ones`);
  return next;
}

class TableBuilder {
  readonly #disk: ByteReader;
  readonly #diskId: string;
  readonly #partitions: Partition[] = [];
  readonly #ownExtents: Extent[] = [];
  nextLogical = 5;
  problem: string | null = null;

  constructor(disk: ByteReader, diskId: string) {
    this.#disk = disk;
    this.#diskId = diskId;
    this.own(0);
  }

  own(lba: number): void {
    this.#ownExtents.push({ startBytes: lba * this.#disk.sectorSizeBytes, lengthBytes: this.#disk.sectorSizeBytes });
  }

  refuse(problem: string): void {
    this.problem ??= problem;
  }

  add(number: number, entry: MbrEntry, baseLba: number, container: boolean): void {
    const startBytes = (baseLba + entry.startLba) * this.#disk.sectorSizeBytes;
    const sizeBytes = entry.sectors * this.#disk.sectorSizeBytes;
    if (startBytes + sizeBytes > this.#disk.sizeBytes) this.refuse(`partition ${number} reaches past the disk's end`);
    const type = entry.type.toString(16).padStart(2, '0');
    // The kernel's PARTUUID of an MBR partition: the disk's signature and the number in hexadecimal.
    const uuid = `${this.#diskId}-${number.toString(16).padStart(2, '0')}`;
    this.#partitions.push({ number, startBytes, sizeBytes, type, uuid, name: null, container });
  }

  finish(): TableFinding {
    if (this.problem !== null) return { kind: 'unusable', type: 'mbr', reason: this.problem };
    const table = {
      type: 'mbr' as const,
      diskId: this.#diskId,
      sectorSizeBytes: this.#disk.sectorSizeBytes,
      partitions: this.#partitions,
      ownExtents: this.#ownExtents,
      notes: [],
    };
    return { kind: 'table', table };
  }
}
