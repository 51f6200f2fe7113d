// Records of NTFS's master file table (MFT): fixups undone, attributes taken apart, everything checked against the record's bounds.
// Layout: Linux-NTFS documentation, "File Record" and "Attribute Header"; ntfs-3g layout.h (MFT_RECORD, ATTR_RECORD).
import { corrupt } from './distrust.ts';

export const attributeTypes = {
  list: 0x20,
  volumeName: 0x60,
  volumeInformation: 0x70,
  data: 0x80,
  indexRoot: 0x90,
  indexAllocation: 0xa0,
} as const;
const endOfAttributes = 0xffffffff;
/** Fixups guard every 512 bytes, whatever the sector size. */
const fixupBytes = 512;

export type NtfsAttribute = {
  readonly type: number;
  readonly name: string;
  /** Compression (low byte), 0x4000 encrypted, 0x8000 sparse. */
  readonly flags: number;
  /** The value itself, or where it lies outside the record, in pieces described by mapping pairs. */
  readonly body: { readonly value: Buffer } | NtfsOutside;
};

export type NtfsOutside = {
  readonly lowestVcn: number;
  readonly mappingPairs: Buffer;
  /** Length of the value and how much of it was ever written; they stand in the first piece only. */
  readonly dataBytes: number;
  readonly initializedBytes: number;
};

export type NtfsRecord = {
  readonly sequence: number;
  /** The record that this one goes on from; null in a base record. */
  readonly base: FileReference | null;
  readonly attributes: readonly NtfsAttribute[];
};

export type FileReference = { readonly number: number; readonly sequence: number };

export function readReference(bytes: Buffer, at: number): FileReference {
  return { number: bytes.readUIntLE(at, 6), sequence: bytes.readUInt16LE(at + 6) };
}

/** Puts back the words that the fixup array keeps of each 512 bytes. @throws DeployError file-system-corrupt on a torn write */
export function undoFixups(raw: Buffer, magic: string, what: string): void {
  const at = raw.readUInt16LE(4);
  const count = raw.readUInt16LE(6);
  if (raw.toString('latin1', 0, 4) !== magic) throw corrupt(`${what} does not start as one`);
  if (count !== raw.length / fixupBytes + 1 || at % 2 !== 0 || at + 2 * count > fixupBytes - 2)
    throw corrupt(`the fixups of ${what} are impossible`);
  const mark = raw.readUInt16LE(at);
  for (let i = 1; i < count; i++) {
    if (raw.readUInt16LE(i * fixupBytes - 2) !== mark) throw corrupt(`${what} was not written as a whole`);
    raw.copyWithin(i * fixupBytes - 2, at + 2 * i, at + 2 * i + 2);
  }
}

/** Takes a record apart; `raw` is changed. @throws DeployError file-system-corrupt */
export function parseRecord(raw: Buffer, number: number): NtfsRecord {
  const what = `file record ${number}`;
  undoFixups(raw, 'FILE', what);
  const usedBytes = raw.readUInt32LE(24);
  if (usedBytes > raw.length || usedBytes < 48) throw corrupt(`${what} has an impossible length`);
  if ((raw.readUInt16LE(22) & 1) === 0) throw corrupt(`${what} is not in use`);
  const record = raw.subarray(0, usedBytes);
  const base = readReference(record, 32);
  return {
    sequence: record.readUInt16LE(16),
    base: base.number === 0 && base.sequence === 0 ? null : base,
    attributes: parseAttributes(record, what),
  };
}

function parseAttributes(record: Buffer, what: string): NtfsAttribute[] {
  const attributes: NtfsAttribute[] = [];
  let at = record.readUInt16LE(20);
  while (at + 4 <= record.length && record.readUInt32LE(at) !== endOfAttributes) {
    const length = at + 16 <= record.length ? record.readUInt32LE(at + 4) : 0;
    if (length < 24 || length % 8 !== 0 || at + length > record.length) {
      throw corrupt(`an attribute of ${what} has an impossible length`);
    }
    attributes.push(parseAttribute(record.subarray(at, at + length), what));
    at += length;
  }
  if (at + 4 > record.length) throw corrupt(`the attributes of ${what} do not end`);
  return attributes;
}

function parseAttribute(raw: Buffer, what: string): NtfsAttribute {
  const nameAt = raw.readUInt16LE(10);
  const nameEnd = nameAt + 2 * raw.readUInt8(9);
  if (nameEnd > raw.length) throw corrupt(`an attribute of ${what} has an impossible name`);
  return {
    type: raw.readUInt32LE(0),
    name: raw.toString('utf16le', nameAt, nameEnd),
    flags: raw.readUInt16LE(12),
    body: raw.readUInt8(8) === 0 ? { value: readValue(raw, what) } : readOutside(raw, what),
  };
}

function readValue(raw: Buffer, what: string): Buffer {
  const at = raw.readUInt16LE(20);
  const length = raw.readUInt32LE(16);
  if (at + length > raw.length) throw corrupt(`an attribute of ${what} has an impossible value`);
  return raw.subarray(at, at + length);
}

function readOutside(raw: Buffer, what: string): NtfsOutside {
  const pairsAt = raw.length < 64 ? 0 : raw.readUInt16LE(32);
  if (pairsAt < 64 || pairsAt >= raw.length) throw corrupt(`an attribute of ${what} has no mapping pairs`);
  return {
    lowestVcn: readCount(raw, 16, what),
    mappingPairs: raw.subarray(pairsAt),
    dataBytes: readCount(raw, 48, what),
    initializedBytes: readCount(raw, 56, what),
  };
}

function readCount(raw: Buffer, at: number, what: string): number {
  const count = Number(raw.readBigInt64LE(at));
  if (count < 0 || !Number.isSafeInteger(count)) throw corrupt(`an attribute of ${what} has an impossible size`);
  return count;
}
