// The group descriptors of ext2, ext3 and ext4, streamed in batches: where each group's bitmap lies and how much of it is free.
// Layout: Linux Documentation/filesystems/ext4/group_descr.rst and blockgroup.rst (meta_bg, flex_bg, sparse_super).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { crc16, crc32c } from './crc.ts';
import { corrupt } from './distrust.ts';
import type { ExtGeometry } from './ext-superblock.ts';

export type ExtGroup = {
  readonly number: number;
  readonly firstBlock: number;
  /** Blocks in this group; the last one may be shorter than the rest. */
  readonly blockCount: number;
  readonly bitmapBlock: number;
  readonly inodeBitmapBlock: number;
  readonly inodeTableBlock: number;
  readonly freeClusters: number;
  /** The bitmap was never written: only the group's metadata is used. */
  readonly uninitialised: boolean;
  /** No inode was ever made in it: the flag and all three counts of the descriptor say so, and its checksum vouches for them. */
  readonly withoutInodes: boolean;
  /** The bitmap's checksum, and how many bits of it are stored; null without metadata_csum. */
  readonly bitmapSum: { readonly value: number; readonly mask: number } | null;
};

/** Descriptors are read up to this many bytes at a time, so that memory does not grow with the file system. */
const batchBytes = 64 * 1024;
const [inodesUninitialised, blockUninitialised] = [0x1, 0x2];

/** Every group in order, in batches. @throws DeployError file-system-corrupt when a descriptor cannot be right */
export async function* readGroups(bytes: ByteReader, geometry: ExtGeometry): AsyncGenerator<ExtGroup[]> {
  const { blockBytes, descriptorBytes, groupCount } = geometry;
  const perBlock = blockBytes / descriptorBytes;
  const tableBlocks = Math.ceil(groupCount / perBlock);
  let tableBlock = 0;
  while (tableBlock < tableBlocks) {
    const together =
      tableBlock < geometry.firstMetaGroup ? Math.min(geometry.firstMetaGroup, tableBlocks) - tableBlock : 1;
    const blocks = Math.min(together, Math.max(1, batchBytes / blockBytes));
    const at = locateTableBlock(geometry, tableBlock);
    if (at + blocks > geometry.blockCount) throw corrupt('its group descriptors lie past its end');
    const table = await bytes.read(at * blockBytes, blocks * blockBytes);
    const first = tableBlock * perBlock;
    const count = Math.min(groupCount - first, blocks * perBlock);
    yield Array.from({ length: count }, (_, i) =>
      parseGroup(table.subarray(i * descriptorBytes, (i + 1) * descriptorBytes), first + i, geometry),
    );
    tableBlock += blocks;
  }
}

/** Where a block of the descriptor table lies: after the superblock, or with meta_bg at the head of its own meta group. */
function locateTableBlock(geometry: ExtGeometry, tableBlock: number): number {
  const superBlock = geometry.blockBytes === 1024 ? 1 : 0;
  if (tableBlock < geometry.firstMetaGroup) return superBlock + 1 + tableBlock;
  const group = tableBlock * (geometry.blockBytes / geometry.descriptorBytes);
  // With 1 KiB blocks counted from 0 (bigalloc) the superblock is the second block of group 0.
  const shift = group === 0 && superBlock > geometry.firstDataBlock ? 1 : 0;
  return geometry.firstDataBlock + group * geometry.blocksPerGroup + (hasSuperblock(geometry, group) ? 1 : 0) + shift;
}

function parseGroup(raw: Buffer, number: number, geometry: ExtGeometry): ExtGroup {
  const wide = geometry.is64Bit && geometry.descriptorBytes >= 64;
  const block = (low: number, high: number) => raw.readUInt32LE(low) + (wide ? raw.readUInt32LE(high) * 2 ** 32 : 0);
  if (!descriptorHolds(raw, number, geometry))
    throw corrupt(`the descriptor of group ${number} does not match its checksum`);
  const firstBlock = geometry.firstDataBlock + number * geometry.blocksPerGroup;
  const group: ExtGroup = {
    number,
    firstBlock,
    blockCount: Math.min(geometry.blocksPerGroup, geometry.blockCount - firstBlock),
    bitmapBlock: block(0x0, 0x20),
    inodeBitmapBlock: block(0x4, 0x24),
    inodeTableBlock: block(0x8, 0x28),
    freeClusters: raw.readUInt16LE(0xc) + (wide ? raw.readUInt16LE(0x2c) * 0x10000 : 0),
    uninitialised: geometry.checksums !== 'none' && (raw.readUInt16LE(0x12) & blockUninitialised) !== 0,
    withoutInodes: geometry.checksums !== 'none' && saysWithoutInodes(raw, wide, geometry.inodesPerGroup),
    bitmapSum: geometry.checksums === 'crc32c' ? readBitmapSum(raw, wide) : null,
  };
  const inside = (first: number, blocks: number) =>
    first > 0 && first >= geometry.firstDataBlock && first + blocks <= geometry.blockCount;
  const sane = inside(group.bitmapBlock, 1) && inside(group.inodeBitmapBlock, 1);
  if (!sane || !inside(group.inodeTableBlock, geometry.inodeTableBlocks))
    throw corrupt(`group ${number} points outside the file system`);
  return group;
}

/** Free inodes, directories, and inodes at the table's end that were never used. */
function saysWithoutInodes(raw: Buffer, wide: boolean, inodesPerGroup: number): boolean {
  const count = (low: number, high: number) => raw.readUInt16LE(low) + (wide ? raw.readUInt16LE(high) * 0x10000 : 0);
  const [free, directories, unused] = [count(0xe, 0x2e), count(0x10, 0x30), count(0x1c, 0x32)];
  const uninitialised = (raw.readUInt16LE(0x12) & inodesUninitialised) !== 0;
  return uninitialised && free === inodesPerGroup && directories === 0 && unused === inodesPerGroup;
}

function readBitmapSum(raw: Buffer, wide: boolean): { value: number; mask: number } {
  const low = raw.readUInt16LE(0x18);
  return wide
    ? { value: (low | (raw.readUInt16LE(0x38) << 16)) >>> 0, mask: 0xffffffff }
    : { value: low, mask: 0xffff };
}

const index = Buffer.alloc(4);
const zero = Buffer.alloc(2);

/** The checksum covers the file system's UUID, the group's number and the descriptor without the checksum itself. */
function descriptorHolds(raw: Buffer, number: number, geometry: ExtGeometry): boolean {
  if (geometry.checksums === 'none') return true;
  index.writeUInt32LE(number);
  const stored = raw.readUInt16LE(0x1e);
  const [head, tail] = [raw.subarray(0, 0x1e), raw.subarray(0x20)];
  if (geometry.checksums === 'crc16') {
    return crc16(crc16(crc16(crc16(0xffff, geometry.uuidBytes), index), head), tail) === stored;
  }
  const sum = crc32c(crc32c(crc32c(crc32c(geometry.checksumSeed, index), head), zero), tail);
  return (sum & 0xffff) === stored;
}

/** Whether a group starts with a copy of the superblock. */
export function hasSuperblock(geometry: ExtGeometry, group: number): boolean {
  if (group === 0) return true;
  if (Array.isArray(geometry.backups)) return geometry.backups.includes(group);
  if (group === 1 || geometry.backups === 'all') return true;
  return isPowerOf(group, 3) || isPowerOf(group, 5) || isPowerOf(group, 7);
}

function isPowerOf(value: number, base: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}
