// The superblock of Btrfs, checked field by field before anything rests on it.
// Layout: Linux include/uapi/linux/btrfs_tree.h (struct btrfs_super_block) and btrfs-dev-docs, On-disk Format.
import { checksumHolds, knowsChecksum } from './btrfs-checksum.ts';
import type { Identity } from './distrust.ts';
import { formatUuid } from './signatures.ts';

export const superblockAtBytes = 64 * 1024;
export const superblockBytes = 4096;
/** Copies are kept where the device reaches that far. */
export const mirrorsAtBytes: readonly number[] = [64 * 2 ** 20, 256 * 2 ** 30];
/** Nothing is ever allocated below; boot loaders live there. */
export const reservedBytes = 2 ** 20;
const maxChunkArrayBytes = 2048;

const [compat, compatRo, incompat] = [0xac, 0xb4, 0xbc];
/** free_space_tree, free_space_tree_valid, verity, block_group_tree. */
const knownCompatRo = 0x1n | 0x2n | 0x4n | 0x8n;
/**
 * mixed_backref, default_subvol, mixed_groups, compress_lzo, compress_zstd, big_metadata, extended_iref, raid56 (the chunks
 * tell whether it is used), skinny_metadata, no_holes, metadata_uuid, raid1c34.
 */
const knownIncompat = 0x1n | 0x2n | 0x4n | 0x8n | 0x10n | 0x20n | 0x40n | 0x80n | 0x100n | 0x200n | 0x400n | 0x800n;
const mixedBackref = 0x1n;
const metadataUuid = 0x400n;
const namedIncompat: readonly (readonly [bigint, string])[] = [
  [0x1000n, 'zoned'],
  [0x2000n, 'extent tree v2'],
  [0x4000n, 'RAID stripe tree'],
];
/** Flags: written, relocated, and on a seed. */
const [knownFlags, errorFlag] = [0x1n | 0x2n | 0x100000000n, 0x4n];

/** A tree's top node: where it is in the logical address space, and what its header must say. */
export type BtrfsRoot = {
  readonly address: number;
  readonly level: number;
  readonly generation: bigint;
  readonly owner: bigint | 'a subvolume';
};

/** The subvolume that every Btrfs has. All others are numbered from 256 on; numbers that count down from 2^64 are of other trees. */
export const topSubvolume = 5n;

export function isSubvolume(tree: bigint): boolean {
  return tree === topSubvolume || (tree >= 256n && tree <= 2n ** 64n - 256n);
}

/** What the reader needs of a superblock that has passed every check. */
export type BtrfsSuperblock = {
  readonly checksumType: number;
  readonly sectorBytes: number;
  readonly nodeBytes: number;
  readonly usedBytes: number;
  /** The UUID in the header of every node; not always the one that the file system shows. */
  readonly nodeUuid: Buffer;
  readonly deviceId: bigint;
  readonly deviceUuid: Buffer;
  readonly deviceBytes: number;
  /** Chunk items of the system chunks, enough to read the chunk tree. */
  readonly chunkArray: Buffer;
  readonly chunkRoot: BtrfsRoot;
  readonly rootTree: BtrfsRoot;
  /** The directory in the root tree that names the default subvolume. */
  readonly rootDirectory: bigint;
};

export function isBtrfsSuperblock(raw: Buffer): boolean {
  return raw.toString('latin1', 0x40, 0x48) === '_BHRfS_M';
}

export function readBtrfsIdentity(raw: Buffer): Identity {
  const label = raw.toString('utf8', 0x12b, 0x22b).split('\0')[0] || null;
  return { fileSystem: 'btrfs', uuid: formatUuid(raw, 0x20), label };
}

/** Why the trees of this file system cannot be trusted or read, or null. */
export function findBtrfsDistrust(raw: Buffer): string | null {
  const checksumType = raw.readUInt16LE(0xc4);
  const features = raw.readBigUInt64LE(incompat);
  const unknown = [
    hexBits('compat', raw.readBigUInt64LE(compat)),
    hexBits('compat_ro', raw.readBigUInt64LE(compatRo) & ~knownCompatRo),
    hexBits('incompat', features & ~knownIncompat),
  ].filter((bits) => bits !== '');
  if (!knowsChecksum(checksumType)) return `checksum type ${checksumType} is unknown`;
  if (!checksumHolds(checksumType, raw)) return 'the superblock does not match its checksum';
  for (const [bit, name] of namedIncompat) if (features & bit) return `${name} is not read by this reader`;
  if (unknown.length > 0) return `features this reader does not know: ${unknown.join(', ')}`;
  if (!(features & mixedBackref)) return 'it has the extent references of before 2009';
  return findStateDistrust(raw);
}

function findStateDistrust(raw: Buffer): string | null {
  const flags = raw.readBigUInt64LE(0x38);
  if (flags & errorFlag) return 'errors are recorded in it';
  if (flags & ~knownFlags)
    return `it is in the middle of a change, or no file system but a dump (${hexBits('flags', flags)})`;
  if (raw.readBigUInt64LE(0x30) !== BigInt(superblockAtBytes)) return 'the superblock belongs elsewhere';
  const devices = raw.readBigUInt64LE(0x88);
  if (devices !== 1n) return `it lies on ${devices} devices`;
  return null;
}

/** Why its trees are whole, but do not know all that is in use, or null. */
export function findBtrfsLog(raw: Buffer): string | null {
  return raw.readBigUInt64LE(0x60) === 0n ? null : 'its log tree has not been replayed (not unmounted cleanly)';
}

function hexBits(kind: string, bits: bigint): string {
  return bits === 0n ? '' : `${kind} 0x${bits.toString(16)}`;
}

/** The fields, or the reason why they cannot be those of a file system in `sizeBytes` bytes. */
export function parseBtrfsSuperblock(raw: Buffer, sizeBytes: number): BtrfsSuperblock | string {
  const sectorBytes = raw.readUInt32LE(0x90);
  const nodeBytes = raw.readUInt32LE(0x94);
  const deviceBytes = Number(raw.readBigUInt64LE(0xd1));
  const chunkBytes = raw.readUInt32LE(0xa0);
  const levels = raw.subarray(0xc6, 0xc8);
  if (!isBlockSize(sectorBytes) || !isBlockSize(nodeBytes) || nodeBytes < sectorBytes)
    return 'its sector and node sizes are impossible';
  if (deviceBytes > sizeBytes) return 'it is larger than its partition';
  if (deviceBytes < reservedBytes || deviceBytes % sectorBytes !== 0) return 'its size is impossible';
  if (chunkBytes > maxChunkArrayBytes) return 'its array of system chunks is too long';
  if (levels.some((level) => level > 7)) return 'its trees are too deep';
  const hasNodeUuid = (raw.readBigUInt64LE(incompat) & metadataUuid) !== 0n;
  return {
    checksumType: raw.readUInt16LE(0xc4),
    sectorBytes,
    nodeBytes,
    usedBytes: Number(raw.readBigUInt64LE(0x78)),
    nodeUuid: Buffer.from(hasNodeUuid ? raw.subarray(0x23b, 0x24b) : raw.subarray(0x20, 0x30)),
    deviceId: raw.readBigUInt64LE(0xc9),
    deviceUuid: Buffer.from(raw.subarray(0x10b, 0x11b)),
    deviceBytes,
    chunkArray: Buffer.from(raw.subarray(0x32b, 0x32b + chunkBytes)),
    chunkRoot: readRoot(raw, { address: 0x58, generation: 0xa4, level: 0xc7 }, 3n),
    rootTree: readRoot(raw, { address: 0x50, generation: 0x48, level: 0xc6 }, 1n),
    rootDirectory: raw.readBigUInt64LE(0x80),
  };
}

function readRoot(raw: Buffer, at: { address: number; generation: number; level: number }, owner: bigint): BtrfsRoot {
  return {
    address: Number(raw.readBigUInt64LE(at.address)),
    generation: raw.readBigUInt64LE(at.generation),
    level: raw.readUInt8(at.level),
    owner,
  };
}

function isBlockSize(bytes: number): boolean {
  return bytes >= 4096 && bytes <= 65536 && Number.isInteger(Math.log2(bytes));
}
