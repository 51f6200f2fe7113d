// The index of one segment of a disk: per chunk slot hole, zero or data with its digest, and the used extents (docs/format.md, "Segment").
import { DeployError } from '../../protocol/errors.ts';
import { cutIntoSlots, segmentSizeBytes, slotLengthBytes } from '../chunk/slots.ts';
import type { Extent } from '../extent.ts';
import type { Digest } from '../store/chunk-store.ts';

/** A used slot. `digest` is null when every byte of it is zero. `used` is relative to the slot's first byte. */
export type Slot = { readonly index: number; readonly digest: Digest | null; readonly used: readonly Extent[] };

/** `slots` in order, holes left out; slot indexes count from the segment's first byte. */
export type Segment = {
  readonly lengthBytes: number;
  readonly chunkSizeBytes: number;
  readonly slots: readonly Slot[];
};

const headerBytes = 32;
const magic = Buffer.from('DOSG');
const version = 1;
const kinds = { hole: 0, zero: 1, data: 2 } as const;
const unitBytes = 512;

export function encodeSegment(segment: Segment): Buffer {
  const { lengthBytes, chunkSizeBytes, slots } = segment;
  const slotCount = Math.ceil(lengthBytes / chunkSizeBytes);
  const slotKinds = Buffer.alloc(slotCount, kinds.hole);
  for (const slot of slots) slotKinds[slot.index] = slot.digest === null ? kinds.zero : kinds.data;
  const digests = slots.flatMap((slot) => (slot.digest === null ? [] : [Buffer.from(slot.digest, 'hex')]));
  const extents = encodeExtents(segment);
  const header = Buffer.alloc(headerBytes);
  magic.copy(header);
  header[4] = version;
  header.writeUInt32LE(chunkSizeBytes, 8);
  header.writeUInt32LE(lengthBytes / unitBytes, 12);
  header.writeUInt32LE(slotCount, 16);
  header.writeUInt32LE(digests.length, 20);
  header.writeUInt32LE(extents.count, 24);
  return Buffer.concat([header, slotKinds, ...digests, extents.bytes]);
}

/** Extents that touch across a slot's border become one again. */
function encodeExtents({ slots, chunkSizeBytes }: Segment): { count: number; bytes: Buffer } {
  const out = new VarintWriter();
  let count = 0;
  let previousEnd = 0;
  let start = 0;
  let end = 0;
  const put = () => {
    if (end === start) return;
    out.write((start - previousEnd) / unitBytes);
    out.write((end - start) / unitBytes);
    previousEnd = end;
    count++;
  };
  for (const slot of slots) {
    for (const extent of slot.used) {
      const at = slot.index * chunkSizeBytes + extent.startBytes;
      if (at !== end || end === start) {
        put();
        start = at;
      }
      end = at + extent.lengthBytes;
    }
  }
  put();
  return { count, bytes: out.bytes() };
}

/**
 * The used slots of an encoded segment, one after the other, so that a badly fragmented one needs no memory for all of them.
 * Foreign bytes: every count, length and order is checked as it is read.
 * @throws manifest-corrupt
 */
export function* readSlots(
  bytes: Uint8Array,
  expected: { lengthBytes: number; chunkSizeBytes: number },
): Generator<Slot> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { slotCount, dataCount, extentCount } = readHeader(buffer, expected);
  const slotKinds = buffer.subarray(headerBytes, headerBytes + slotCount);
  const digests = buffer.subarray(headerBytes + slotCount, headerBytes + slotCount + dataCount * 32);
  const extents = readExtents(buffer, headerBytes + slotCount + dataCount * 32, extentCount, expected.lengthBytes);
  let next = 0;
  let data = 0;
  for (const { index, used } of cutIntoSlots(extents, expected.chunkSizeBytes)) {
    if (slotKinds.subarray(next, index).some((kind) => kind !== kinds.hole)) throw corrupt('a slot has no used extent');
    next = index + 1;
    const kind = slotKinds[index];
    if (kind === kinds.zero) yield { index, digest: null, used };
    else if (kind === kinds.data) {
      if (data >= dataCount) throw corrupt('it lists fewer digests than data slots');
      yield { index, digest: digests.toString('hex', data * 32, ++data * 32), used };
    } else throw corrupt(`slot ${index} has kind ${kind} and used extents`);
  }
  if (slotKinds.subarray(next).some((kind) => kind !== kinds.hole)) throw corrupt('a slot has no used extent');
  if (data !== dataCount) throw corrupt('it lists more digests than data slots');
}

function readHeader(buffer: Buffer, expected: { lengthBytes: number; chunkSizeBytes: number }) {
  if (buffer.length < headerBytes || !buffer.subarray(0, 4).equals(magic)) throw corrupt('it does not begin as one');
  if (buffer[4] !== version) throw corrupt(`its version is ${buffer[4]}, known is ${version}`);
  if (buffer.readUIntLE(5, 3) !== 0 || buffer.readUInt32LE(28) !== 0) throw corrupt('its header is damaged');
  const slotCount = buffer.readUInt32LE(16);
  const dataCount = buffer.readUInt32LE(20);
  const fits =
    buffer.readUInt32LE(8) === expected.chunkSizeBytes &&
    buffer.readUInt32LE(12) * unitBytes === expected.lengthBytes &&
    slotCount === Math.ceil(expected.lengthBytes / expected.chunkSizeBytes) &&
    dataCount <= slotCount;
  if (!fits) throw corrupt('its size is not that of its place on the disk');
  if (headerBytes + slotCount + dataCount * 32 > buffer.length) throw corrupt('it is cut short');
  return { slotCount, dataCount, extentCount: buffer.readUInt32LE(24) };
}

function* readExtents(buffer: Buffer, offset: number, count: number, lengthBytes: number): Generator<Extent> {
  const reader = new VarintReader(buffer, offset);
  let end = 0;
  for (let i = 0; i < count; i++) {
    const gap = reader.read();
    const length = reader.read();
    if (length === 0 || (gap === 0 && i > 0)) throw corrupt('an extent is empty or touches the one before');
    const startBytes = end + gap * unitBytes;
    end = startBytes + length * unitBytes;
    if (end > lengthBytes) throw corrupt('an extent lies outside it');
    yield { startBytes, lengthBytes: length * unitBytes };
  }
  if (!reader.atEnd()) throw corrupt('bytes follow its last extent');
}

/** Unsigned LEB128, as in DWARF 5 section 7.6; values stay below 2^24 here, so four bytes at most. */
class VarintWriter {
  #bytes = Buffer.alloc(1024);
  #length = 0;

  write(value: number): void {
    if (this.#length + 4 > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#length)]);
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#length++] = rest;
  }

  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }
}

class VarintReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, offset: number) {
    this.#bytes = bytes;
    this.#at = offset;
  }

  read(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw corrupt('it is cut short');
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (byte === 0 && shift > 0) throw corrupt('a number is not in its shortest form');
        return value;
      }
    }
    throw corrupt('a number is too large');
  }

  atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }
}

function corrupt(why: string): DeployError {
  return new DeployError('manifest-corrupt', `the segment is damaged: ${why}`);
}

/** Where slot `slotIndex` of segment `segmentIndex` lies on a disk of `sizeBytes`. */
export function slotPlace(
  disk: { sizeBytes: number; chunkSizeBytes: number },
  segmentIndex: number,
  slotIndex: number,
): { offsetBytes: number; lengthBytes: number } {
  const offsetBytes = segmentIndex * segmentSizeBytes + slotIndex * disk.chunkSizeBytes;
  const index = offsetBytes / disk.chunkSizeBytes;
  return { offsetBytes, lengthBytes: slotLengthBytes(disk.sizeBytes, disk.chunkSizeBytes, index) };
}

export function segmentLengthBytes(sizeBytes: number, segmentIndex: number): number {
  return Math.min(segmentSizeBytes, sizeBytes - segmentIndex * segmentSizeBytes);
}
