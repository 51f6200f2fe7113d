// Rewrites a GUID partition table for another disk: its copies, checksums and places new, everything it does not have to change verbatim.
// Layout: UEFI specification 2.10, section 5.3 (the protective MBR: 5.2.3).
import { crc32 } from 'node:zlib';
import { DeployError } from '../../protocol/errors.ts';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type GptCopy, readGptCopy } from './gpt.ts';
import { readMbrEntries } from './mbr.ts';
import type { Patch, TableChange } from './table-change.ts';

/** The primary copy of the GPT in `old`, or its backup where that is damaged. @throws partition-table-corrupt */
async function readGoodCopy(old: ByteReader): Promise<GptCopy> {
  const lastLba = Math.floor(old.sizeBytes / old.sectorSizeBytes) - 1;
  const copy = (await readGptCopy(old, 1)) ?? (await readGptCopy(old, lastLba));
  if (copy !== null) return copy;
  throw new DeployError('partition-table-corrupt', `${old.label}: both copies of its GPT are damaged`);
}

/** How many bytes at the end of a disk belong to the backup of the GPT in `old`, on a disk with sectors of `sectorSizeBytes`. */
export async function backupGptBytes(old: ByteReader, sectorSizeBytes: number): Promise<number> {
  return (entriesSectors(await readGoodCopy(old), sectorSizeBytes) + 1) * sectorSizeBytes;
}

function entriesSectors({ entries }: GptCopy, sectorSizeBytes: number): number {
  return Math.ceil(entries.length / sectorSizeBytes);
}

/**
 * The protective MBR and both copies of the GPT in `old` (with its sector size), for the disk that `change` describes.
 * @throws partition-table-corrupt when `old` has no whole copy; target-sector-size when a place is no whole number of sectors
 * or lies where the table has to be
 */
export async function rewriteGpt(old: ByteReader, change: TableChange): Promise<Patch[]> {
  const copy = await readGoodCopy(old);
  const sector = change.sectorSizeBytes;
  const lastLba = Math.floor(change.sizeBytes / sector) - 1;
  const tableSectors = entriesSectors(copy, sector);
  const converted = sector !== old.sectorSizeBytes;
  const primaryEntriesLba = copy.header.lba === 1 && !converted ? copy.header.entriesLba : 2;
  const usable = {
    first: Math.max(primaryEntriesLba + tableSectors, Math.ceil((readLba(copy, 40) * old.sectorSizeBytes) / sector)),
    last: lastLba - 1 - tableSectors,
  };
  const entries = rewriteEntries(copy, change, old, usable);
  const header = (place: { lba: number; otherLba: number; entriesLba: number }): Patch => ({
    offsetBytes: place.lba * sector,
    bytes: sealHeader(copy, entries, sector, { ...place, ...usable }, change.ids?.diskId),
  });
  const entriesAt = (lba: number): Patch => ({
    offsetBytes: lba * sector,
    bytes: padTo(entries, tableSectors * sector),
  });
  const backupEntriesLba = lastLba - tableSectors;
  return [
    ...(converted ? [blankOldHeader(old, usable.first * sector)] : []),
    ...(await rewriteProtectiveMbr(old, lastLba, converted)),
    header({ lba: 1, otherLba: lastLba, entriesLba: primaryEntriesLba }),
    entriesAt(primaryEntriesLba),
    entriesAt(backupEntriesLba),
    header({ lba: lastLba, otherLba: 1, entriesLba: backupEntriesLba }),
  ];
}

/** What a table of the other sector size would leave between the MBR and the new one. */
function blankOldHeader(old: ByteReader, endBytes: number): Patch {
  return { offsetBytes: 512, bytes: Buffer.alloc(Math.min(endBytes, old.sizeBytes) - 512) };
}

function rewriteEntries(
  copy: GptCopy,
  { sectorSizeBytes, places, ids }: TableChange,
  old: ByteReader,
  usable: { first: number; last: number },
): Buffer {
  const entries = Buffer.from(copy.entries);
  const { entryBytes, entryCount } = copy.header;
  for (let i = 0; i < entryCount; i++) {
    const entry = entries.subarray(i * entryBytes, (i + 1) * entryBytes);
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue;
    const startBytes = Number(entry.readBigUInt64LE(32)) * old.sectorSizeBytes;
    const endBytes = (Number(entry.readBigUInt64LE(40)) + 1) * old.sectorSizeBytes;
    const place = places.get(i + 1) ?? { startBytes, sizeBytes: endBytes - startBytes };
    const first = place.startBytes / sectorSizeBytes;
    const last = (place.startBytes + place.sizeBytes) / sectorSizeBytes - 1;
    if (!Number.isInteger(first) || !Number.isInteger(last) || first < usable.first || last > usable.last) {
      throw new DeployError(
        'target-sector-size',
        `partition ${i + 1} (bytes ${place.startBytes} to ${place.startBytes + place.sizeBytes - 1}) does not fit a GPT in sectors of ${sectorSizeBytes} bytes`,
      );
    }
    entry.writeBigUInt64LE(BigInt(first), 32);
    entry.writeBigUInt64LE(BigInt(last), 40);
    const id = ids?.partitionIds.get(i + 1);
    if (id !== undefined) parseGuid(id).copy(entry, 16);
  }
  return entries;
}

type HeaderPlace = { lba: number; otherLba: number; entriesLba: number; first: number; last: number };

function sealHeader(copy: GptCopy, entries: Buffer, sector: number, place: HeaderPlace, diskId?: string): Buffer {
  const headerBytes = Math.min(copy.headerSector.readUInt32LE(12), sector);
  const bytes = padTo(Buffer.from(copy.headerSector.subarray(0, headerBytes)), sector);
  bytes.writeUInt32LE(headerBytes, 12);
  bytes.writeBigUInt64LE(BigInt(place.lba), 24);
  bytes.writeBigUInt64LE(BigInt(place.otherLba), 32);
  bytes.writeBigUInt64LE(BigInt(place.first), 40);
  bytes.writeBigUInt64LE(BigInt(place.last), 48);
  if (diskId !== undefined) parseGuid(diskId).copy(bytes, 56);
  bytes.writeBigUInt64LE(BigInt(place.entriesLba), 72);
  bytes.writeUInt32LE(crc32(entries), 88);
  bytes.writeUInt32LE(0, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, headerBytes)), 16);
  return bytes;
}

/** A hybrid MBR lists partitions of its own, in sectors; it is left as it is, and cannot be converted. */
async function rewriteProtectiveMbr(old: ByteReader, lastLba: number, converted: boolean): Promise<Patch[]> {
  const bytes = (await old.read(0, old.sectorSizeBytes)).subarray(0, 512);
  const used = (readMbrEntries(bytes) ?? []).map((entry, i) => ({ ...entry, i })).filter(({ type }) => type !== 0);
  const [only] = used;
  if (only === undefined || used.length > 1) {
    if (!converted) return [];
    throw new DeployError('target-sector-size', 'a hybrid MBR counts in sectors and cannot be converted');
  }
  bytes.writeUInt32LE(1, 446 + 16 * only.i + 8);
  bytes.writeUInt32LE(Math.min(lastLba, 0xffffffff), 446 + 16 * only.i + 12);
  return [{ offsetBytes: 0, bytes: Buffer.from(bytes) }];
}

function readLba({ headerSector }: GptCopy, at: number): number {
  return Number(headerSector.readBigUInt64LE(at));
}

function padTo(bytes: Buffer, lengthBytes: number): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(lengthBytes - bytes.length)]);
}

/** A GUID as it is stored: its first three fields little-endian (UEFI specification 2.10, appendix A). */
function parseGuid(guid: string): Buffer {
  const bytes = Buffer.from(guid.replaceAll('-', ''), 'hex');
  for (const [from, to] of [
    [0, 4],
    [4, 6],
    [6, 8],
  ] as const)
    bytes.subarray(from, to).reverse();
  return bytes;
}
