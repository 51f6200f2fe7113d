// The superblock of ext2, ext3 and ext4, checked field by field before anything rests on it.
// Layout: Linux Documentation/filesystems/ext4/super.rst.
import { crc32c } from './crc.ts';
import { formatUuid } from './signatures.ts';

export const superblockAtBytes = 1024;
export const superblockBytes = 1024;

const incompat = {
  recover: 0x4,
  journalDevice: 0x8,
  metaBlockGroups: 0x10,
  extents: 0x40,
  '64bit': 0x80,
  checksumSeed: 0x2000,
} as const;
/** filetype, recover, meta_bg, extents, 64bit, mmp, flex_bg, ea_inode, dirdata, csum_seed, largedir, inline_data, encrypt, casefold. */
const knownIncompat =
  0x2 | 0x4 | 0x10 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000;
/** What makes it more than an ext3: all but filetype, recover and meta_bg. */
const ext3Incompat = 0x2 | 0x4 | 0x10;

const roCompat = {
  sparseSuper: 0x1,
  groupChecksum: 0x10,
  bigalloc: 0x200,
  metadataChecksum: 0x400,
  orphanPresent: 0x10000,
} as const;
/**
 * sparse_super, large_file, btree_dir, huge_file, gdt_csum, dir_nlink, extra_isize, quota, bigalloc, metadata_csum,
 * readonly, project, shared_blocks, verity, orphan_present.
 */
const knownRoCompat =
  0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x100 | 0x200 | 0x400 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000;
const ext3RoCompat = 0x1 | 0x2 | 0x4;

const compat = { journal: 0x4, sparseSuper2: 0x200 } as const;

/** What the reader needs of a superblock that has passed every check. Blocks and groups are numbered as on the disk. */
export type ExtGeometry = {
  readonly blockBytes: number;
  readonly blockCount: number;
  readonly firstDataBlock: number;
  readonly freeBlockCount: number;
  readonly blocksPerGroup: number;
  /** Blocks a cluster; 1 without bigalloc. */
  readonly clusterBlocks: number;
  readonly groupCount: number;
  readonly inodesPerGroup: number;
  readonly inodeTableBlocks: number;
  readonly descriptorBytes: number;
  readonly reservedDescriptorBlocks: number;
  /** First descriptor block that lies in its own meta group; Infinity without meta_bg. */
  readonly firstMetaGroup: number;
  readonly backups: 'all' | 'sparse' | readonly [number, number];
  readonly checksums: 'crc32c' | 'crc16' | 'none';
  /** What checksums start from: crc32c of the UUID, or the seed stored for it. */
  readonly checksumSeed: number;
  readonly uuidBytes: Buffer;
  readonly is64Bit: boolean;
};

export type ExtIdentity = { readonly fileSystem: string; readonly uuid: string | null; readonly label: string | null };

/** Whether the 1024 bytes carry the mark of an ext superblock. */
export function isExtSuperblock(raw: Buffer): boolean {
  return raw.readUInt16LE(0x38) === 0xef53;
}

/** Name, UUID and label; the name as blkid gives it. */
export function readExtIdentity(raw: Buffer): ExtIdentity {
  const label = raw.toString('utf8', 0x78, 0x88).split('\0')[0] || null;
  return { fileSystem: nameOf(raw), uuid: formatUuid(raw, 0x68), label };
}

function nameOf(raw: Buffer): string {
  const features = featuresOf(raw);
  if (features.incompat & incompat.journalDevice) return 'jbd';
  if (features.incompat & ~ext3Incompat || features.roCompat & ~ext3RoCompat) return 'ext4';
  return features.compat & compat.journal ? 'ext3' : 'ext2';
}

function featuresOf(raw: Buffer): { compat: number; incompat: number; roCompat: number } {
  // Revision 0 has no feature fields.
  if (raw.readUInt32LE(0x4c) === 0) return { compat: 0, incompat: 0, roCompat: 0 };
  return { compat: raw.readUInt32LE(0x5c), incompat: raw.readUInt32LE(0x60), roCompat: raw.readUInt32LE(0x64) };
}

/** Why the allocation bitmaps of this file system cannot be trusted, or null. */
export function findDistrust(raw: Buffer): string | null {
  const features = featuresOf(raw);
  const state = raw.readUInt16LE(0x3a);
  const unknown = [
    hexBits('incompat', features.incompat & ~knownIncompat),
    hexBits('ro_compat', features.roCompat & ~knownRoCompat),
  ];
  if (raw.readUInt32LE(0x4c) > 1) return `revision ${raw.readUInt32LE(0x4c)} is unknown`;
  if (features.incompat & incompat.journalDevice) return 'this is the external journal of another file system';
  if (unknown.some((bits) => bits !== ''))
    return `features this reader does not know: ${unknown.filter((bits) => bits !== '').join(', ')}`;
  if (features.roCompat & roCompat.metadataChecksum && superblockSum(raw) !== raw.readUInt32LE(0x3fc)) {
    return 'the superblock does not match its checksum';
  }
  if (features.incompat & incompat.recover) return 'its journal has not been replayed (not unmounted cleanly)';
  if (state & 2) return 'errors are recorded in it';
  if (!(state & 1)) return 'it was not unmounted cleanly';
  if (features.roCompat & roCompat.orphanPresent) return 'its orphan file has not been emptied (not unmounted cleanly)';
  return null;
}

function hexBits(kind: string, bits: number): string {
  return bits === 0 ? '' : `${kind} 0x${(bits >>> 0).toString(16)}`;
}

function superblockSum(raw: Buffer): number {
  return crc32c(0xffffffff, raw.subarray(0, 0x3fc));
}

/** The geometry, or the reason why it cannot be one of a file system in `sizeBytes` bytes. */
export function readGeometry(raw: Buffer, sizeBytes: number): ExtGeometry | string {
  const features = featuresOf(raw);
  const geometry = parseGeometry(raw, features);
  const { blockBytes, blockCount, firstDataBlock, clusterBlocks, blocksPerGroup, descriptorBytes, groupCount } =
    geometry;
  const clustersPerGroup = blocksPerGroup / clusterBlocks;
  const saneBlocks = raw.readUInt32LE(0x18) <= 6 && Number.isInteger(Math.log2(clusterBlocks)) && clusterBlocks >= 1;
  if (!saneBlocks) return 'its block size is impossible';
  // Blocks and clusters of 1 KiB leave the boot sector a block of its own; larger ones hold both, and all maps count from here.
  if (firstDataBlock !== (blockBytes === 1024 && clusterBlocks === 1 ? 1 : 0)) return 'its first block is impossible';
  if (blocksPerGroup === 0 || clustersPerGroup % 8 !== 0 || clustersPerGroup > 8 * blockBytes)
    return 'its groups have an impossible size';
  if (features.roCompat & roCompat.bigalloc && raw.readUInt32LE(0x24) !== clustersPerGroup)
    return 'its clusters do not fit its groups';
  if (blockCount <= firstDataBlock || geometry.freeBlockCount > blockCount)
    return 'its block counts contradict each other';
  if (blockCount * blockBytes > sizeBytes) return 'it is larger than its partition';
  if (descriptorBytes < 32 || descriptorBytes > 1024 || !Number.isInteger(Math.log2(descriptorBytes)))
    return 'its group descriptors have an impossible size';
  const { inodesPerGroup } = geometry;
  if (inodesPerGroup === 0 || inodesPerGroup * groupCount !== raw.readUInt32LE(0))
    return 'its inode counts contradict each other';
  if (geometry.inodeTableBlocks > blocksPerGroup) return 'its inode tables are larger than their groups';
  return geometry;
}

function parseGeometry(raw: Buffer, features: { compat: number; incompat: number; roCompat: number }): ExtGeometry {
  const is64Bit = (features.incompat & incompat['64bit']) !== 0;
  const high = (at: number) => (is64Bit ? raw.readUInt32LE(at) * 2 ** 32 : 0);
  const blockBytes = 1024 * 2 ** raw.readUInt32LE(0x18);
  const bigalloc = (features.roCompat & roCompat.bigalloc) !== 0;
  const blockCount = raw.readUInt32LE(0x4) + high(0x150);
  const firstDataBlock = raw.readUInt32LE(0x14);
  const blocksPerGroup = raw.readUInt32LE(0x20);
  const inodeBytes = raw.readUInt32LE(0x4c) === 0 ? 128 : raw.readUInt16LE(0x58);
  const seeded = (features.incompat & incompat.checksumSeed) !== 0;
  const uuidBytes = Buffer.from(raw.subarray(0x68, 0x78));
  return {
    blockBytes,
    blockCount,
    firstDataBlock,
    freeBlockCount: raw.readUInt32LE(0xc) + high(0x158),
    blocksPerGroup,
    clusterBlocks: bigalloc ? 2 ** (raw.readUInt32LE(0x1c) - raw.readUInt32LE(0x18)) : 1,
    groupCount: Math.ceil((blockCount - firstDataBlock) / blocksPerGroup),
    inodesPerGroup: raw.readUInt32LE(0x28),
    inodeTableBlocks: Math.ceil((raw.readUInt32LE(0x28) * inodeBytes) / blockBytes),
    descriptorBytes: is64Bit ? raw.readUInt16LE(0xfe) : 32,
    reservedDescriptorBlocks: raw.readUInt16LE(0xce),
    firstMetaGroup: features.incompat & incompat.metaBlockGroups ? raw.readUInt32LE(0x104) : Number.POSITIVE_INFINITY,
    backups: backupsOf(raw, features),
    checksums:
      features.roCompat & roCompat.metadataChecksum
        ? 'crc32c'
        : features.roCompat & roCompat.groupChecksum
          ? 'crc16'
          : 'none',
    checksumSeed: seeded ? raw.readUInt32LE(0x270) : crc32c(0xffffffff, uuidBytes),
    uuidBytes,
    is64Bit,
  };
}

function backupsOf(raw: Buffer, features: { compat: number; roCompat: number }): ExtGeometry['backups'] {
  if (features.compat & compat.sparseSuper2) return [raw.readUInt32LE(0x24c), raw.readUInt32LE(0x250)];
  return features.roCompat & roCompat.sparseSuper ? 'sparse' : 'all';
}
