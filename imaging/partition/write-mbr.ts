// Rewrites an MBR and its chain of extended boot records for another disk: boot code, types and order verbatim, places new.
// Layout: as in mbr.ts.
import { DeployError } from '../../protocol/errors.ts';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { extendedTypes, type MbrEntry, readMbr, readMbrEntries } from './mbr.ts';
import type { Patch, Place, TableChange } from './table-change.ts';

/** An MBR entry counts in 32 bits. */
export const maxMbrSectors = 2 ** 32 - 1;

/**
 * The boot record and every extended boot record of the MBR in `old`, for the disk that `change` describes. An extended
 * boot record keeps its distance to its logical partition, the first one of a chain to its container's start.
 * @throws partition-table-corrupt when `old` holds no sound MBR; target-sector-size when a place cannot be told in the sectors of the new disk
 */
export async function rewriteMbr(old: ByteReader, change: TableChange): Promise<Patch[]> {
  const found = await readMbr(old);
  if (found.kind !== 'table') throw new DeployError('partition-table-corrupt', `${old.label} holds no sound MBR`);
  const placed = new Placement(old.sectorSizeBytes, change);
  const bytes = await readRecord(old, 0);
  const chains = await readChains(old, bytes);
  if (change.ids !== undefined) bytes.writeUInt32LE(Number.parseInt(change.ids.diskId, 16), 440);
  for (const [i, entry] of entriesOf(bytes).entries()) {
    if (isUsed(entry)) placed.write(bytes, i, 0, placed.placeOf(i + 1, entry, 0));
  }
  const patches: Patch[] = [{ offsetBytes: 0, bytes }];
  for (const chain of chains) patches.push(...placed.rewriteChain(chain));
  return patches;
}

type BootRecord = {
  readonly startBytes: number;
  readonly bytes: Buffer;
  /** The entry of its logical partition, and that partition's number; null in a record that only links. */
  readonly logical: { readonly slot: number; readonly entry: MbrEntry; readonly number: number } | null;
  readonly link: { readonly slot: number; readonly entry: MbrEntry } | null;
};

type Chain = {
  readonly container: { readonly entry: MbrEntry; readonly number: number };
  readonly records: BootRecord[];
};

async function readRecord(old: ByteReader, offsetBytes: number): Promise<Buffer> {
  return (await old.read(offsetBytes, old.sectorSizeBytes)).subarray(0, 512);
}

function entriesOf(record: Buffer): MbrEntry[] {
  return readMbrEntries(record) ?? [];
}

function isUsed({ type, sectors }: MbrEntry): boolean {
  return type !== 0 && sectors !== 0;
}

/** The chains in the order in which logical partitions are numbered. `readMbr` has followed them already: they end. */
async function readChains(old: ByteReader, master: Buffer): Promise<Chain[]> {
  const chains: Chain[] = [];
  let number = 5;
  for (const [i, entry] of entriesOf(master).entries()) {
    if (!isUsed(entry) || !extendedTypes.has(entry.type)) continue;
    const records: BootRecord[] = [];
    for (let lba: number | null = entry.startLba; lba !== null; ) {
      const startBytes = lba * old.sectorSizeBytes;
      const bytes = await readRecord(old, startBytes);
      const used = entriesOf(bytes)
        .map((found, slot) => ({ entry: found, slot }))
        .filter((found) => isUsed(found.entry));
      const link = used.find((found) => extendedTypes.has(found.entry.type)) ?? null;
      const logicals = used.filter((found) => !extendedTypes.has(found.entry.type));
      if (logicals.length > 1) throw severalLogicals(lba);
      const [logical] = logicals;
      if (readMbrEntries(bytes) !== null) {
        records.push({
          startBytes,
          bytes,
          link,
          logical: logical === undefined ? null : { ...logical, number: number++ },
        });
      }
      lba = link === null ? null : entry.startLba + link.entry.startLba;
    }
    chains.push({ container: { entry, number: i + 1 }, records });
  }
  return chains;
}

function severalLogicals(lba: number): DeployError {
  return new DeployError(
    'partition-table-corrupt',
    `the extended boot record at sector ${lba} lists several logical partitions`,
  );
}

class Placement {
  readonly #oldSector: number;
  readonly #sector: number;
  readonly #places: ReadonlyMap<number, Place>;

  constructor(oldSector: number, { sectorSizeBytes, places }: TableChange) {
    this.#oldSector = oldSector;
    this.#sector = sectorSizeBytes;
    this.#places = places;
  }

  /** Where partition `number` is to lie; `baseBytes` is what its old entry counts from. */
  placeOf(number: number, entry: MbrEntry, baseBytes: number): Place {
    const startBytes = baseBytes + entry.startLba * this.#oldSector;
    return this.#places.get(number) ?? { startBytes, sizeBytes: entry.sectors * this.#oldSector };
  }

  rewriteChain({ container, records }: Chain): Patch[] {
    const containerStart = this.placeOf(container.number, container.entry, 0).startBytes;
    const starts = records.map((record, i) => (i === 0 ? containerStart : this.#newStart(record)));
    return records.map((record, i) => {
      const at = starts[i] as number;
      if (record.logical !== null) {
        const { slot, entry, number } = record.logical;
        this.write(record.bytes, slot, at, this.placeOf(number, entry, record.startBytes));
      }
      const next = records[i + 1];
      if (record.link !== null && next !== undefined) {
        const sizeBytes = record.link.entry.sectors * this.#oldSector + this.#growthOf(next);
        this.write(record.bytes, record.link.slot, containerStart, { startBytes: starts[i + 1] as number, sizeBytes });
      }
      return { offsetBytes: at, bytes: record.bytes };
    });
  }

  #newStart({ startBytes, logical }: BootRecord): number {
    if (logical === null) return startBytes;
    const oldStart = startBytes + logical.entry.startLba * this.#oldSector;
    return startBytes + this.placeOf(logical.number, logical.entry, startBytes).startBytes - oldStart;
  }

  #growthOf({ startBytes, logical }: BootRecord): number {
    if (logical === null) return 0;
    const { number, entry } = logical;
    return this.placeOf(number, entry, startBytes).sizeBytes - entry.sectors * this.#oldSector;
  }

  /** Writes entry `slot` of a record: `place` counted from `baseBytes`, cylinders and heads from the disk's start. */
  write(record: Buffer, slot: number, baseBytes: number, { startBytes, sizeBytes }: Place): void {
    const at = 446 + 16 * slot;
    const start = (startBytes - baseBytes) / this.#sector;
    const sectors = sizeBytes / this.#sector;
    if (!isCount(start) || !isCount(sectors)) {
      throw new DeployError(
        'target-sector-size',
        `a partition (bytes ${startBytes} to ${startBytes + sizeBytes - 1}) does not fit an MBR in sectors of ${this.#sector} bytes`,
      );
    }
    if (start === record.readUInt32LE(at + 8) && sectors === record.readUInt32LE(at + 12)) return;
    record.writeUInt32LE(start, at + 8);
    record.writeUInt32LE(sectors, at + 12);
    encodeChs(startBytes / this.#sector).copy(record, at + 1);
    encodeChs((startBytes + sizeBytes) / this.#sector - 1).copy(record, at + 5);
  }
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value > 0 && value <= maxMbrSectors;
}

/** Cylinder, head and sector of an LBA at 255 heads and 63 sectors, or 1023/254/63 past their reach, as every tool writes them. */
function encodeChs(lba: number): Buffer {
  const cylinder = Math.floor(lba / (255 * 63));
  if (cylinder > 1023) return Buffer.from([0xfe, 0xff, 0xff]);
  const head = Math.floor(lba / 63) % 255;
  return Buffer.from([head, (lba % 63) + 1 + ((cylinder >> 8) << 6), cylinder & 0xff]);
}
