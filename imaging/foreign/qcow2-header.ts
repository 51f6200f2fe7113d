// The header of a qcow2 file, versions 2 and 3: what it is, and every reason not to read it.
// Specification: https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt, unsupported } from './partclone-header.ts';

export const qcow2Magic = Buffer.from('QFI\xfb', 'latin1');

export type Qcow2Header = {
  readonly version: 2 | 3;
  readonly sizeBytes: number;
  readonly clusterBytes: number;
  readonly l1OffsetBytes: number;
  readonly l1Entries: number;
  readonly compression: 'deflate' | 'zstd';
  readonly snapshots: number;
};

const incompatible = { dirty: 1n, corrupt: 2n, dataFile: 4n, compression: 8n, extendedL2: 16n };
const maxL1Bytes = 32 * 2 ** 20;

/** @throws import-unsupported, import-corrupt */
export async function readQcow2Header(file: ByteReader): Promise<Qcow2Header> {
  const { label } = file;
  if (file.sizeBytes < 112) throw corrupt(label, `it is only ${file.sizeBytes} bytes long`);
  const bytes = await file.read(0, 112);
  if (!bytes.subarray(0, 4).equals(qcow2Magic)) throw unsupported(label, 'does not begin as a qcow2 file');
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw unsupported(label, `has version ${version} of qcow2; known are 2 and 3`);
  if (bytes.readBigUInt64BE(8) !== 0n) {
    throw unsupported(label, 'has a backing file: make one file of both first (`qemu-img convert -O qcow2`)');
  }
  if (bytes.readUInt32BE(32) !== 0) throw unsupported(label, 'is encrypted: decrypt it first (`qemu-img convert`)');
  const compression = version === 3 ? readFeatures(label, bytes) : 'deflate';
  const clusterBits = bytes.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) throw corrupt(label, `its clusters have 2^${clusterBits} bytes`);
  const header = {
    version,
    sizeBytes: Number(bytes.readBigUInt64BE(24)),
    clusterBytes: 2 ** clusterBits,
    l1OffsetBytes: Number(bytes.readBigUInt64BE(40)),
    l1Entries: bytes.readUInt32BE(36),
    compression,
    snapshots: bytes.readUInt32BE(60),
  } as const;
  checkPlaces(file, header);
  return header;
}

function readFeatures(label: string, bytes: Buffer): 'deflate' | 'zstd' {
  const features = bytes.readBigUInt64BE(72);
  const has = (bit: bigint) => (features & bit) !== 0n;
  const known = Object.values(incompatible).reduce((sum, bit) => sum | bit, 0n);
  if ((features & ~known) !== 0n) throw unsupported(label, `has unknown features (0x${features.toString(16)})`);
  if (has(incompatible.corrupt)) {
    throw unsupported(label, 'is marked as corrupt: mend it first (`qemu-img check -r all`)');
  }
  if (has(incompatible.dirty)) {
    throw unsupported(label, 'was not closed, or a machine is using it: `qemu-img check -r all` mends one not closed');
  }
  if (has(incompatible.dataFile)) throw unsupported(label, 'keeps its data in another file: import that one as raw');
  if (has(incompatible.extendedL2)) {
    throw unsupported(label, 'has sub-clusters (extended_l2): convert it first (`qemu-img convert -O qcow2`)');
  }
  if (!has(incompatible.compression)) return 'deflate';
  const type = bytes.readUInt32BE(100) > 104 ? bytes.readUInt8(104) : 0;
  if (type === 1) return 'zstd';
  if (type === 0) return 'deflate';
  throw unsupported(label, `is compressed in way ${type}`);
}

function checkPlaces(file: ByteReader, header: Qcow2Header): void {
  const { sizeBytes, clusterBytes, l1OffsetBytes, l1Entries } = header;
  const { label } = file;
  const perTable = (clusterBytes / 8) * clusterBytes;
  if (!Number.isSafeInteger(sizeBytes)) throw corrupt(label, `its disk has ${sizeBytes} bytes`);
  if (sizeBytes === 0 || sizeBytes % 512 !== 0) throw unsupported(label, `holds no disk, but ${sizeBytes} bytes`);
  if (l1Entries * 8 > maxL1Bytes || l1Entries < Math.ceil(sizeBytes / perTable)) {
    throw corrupt(label, `its first table has ${l1Entries} entries`);
  }
  if (l1OffsetBytes % clusterBytes !== 0 || l1OffsetBytes + l1Entries * 8 > file.sizeBytes) {
    throw corrupt(label, 'its first table lies outside the file');
  }
}
