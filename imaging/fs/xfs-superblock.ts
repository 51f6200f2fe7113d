// The superblock of XFS, versions 4 and 5, checked field by field before anything rests on it. All of XFS is big-endian but its checksums.
// Layout: "XFS Algorithms & Data Structures", Superblocks; Linux fs/xfs/libxfs/xfs_format.h (struct xfs_dsb).
import { crc32c } from './crc.ts';
import type { Identity } from './distrust.ts';
import { formatUuid } from './signatures.ts';

/** A superblock fits into the smallest sector. */
export const superblockBytes = 512;
const superblockSumAt = 224;

/** Flags beside the version number: all but `shared`, which no kernel has understood for long. */
const knownVersionFlags = 0xfdf0;
const moreBitsFlag = 0x8000;
/** features2: lazy superblock counters, attr2, parent pointers of old, 32-bit project ids, checksums, file types in directories. */
const knownFeatures2 = 0x2 | 0x8 | 0x10 | 0x80 | 0x100 | 0x200;
const lazyCounters = 0x2;
/** free inode btree, reverse mapping btree, reference count btree, inode btree counters. */
const knownRoCompat = 0x1 | 0x2 | 0x4 | 0x8;
const incompat = { metaUuid: 0x4, needsRepair: 0x10 } as const;
/** file types, sparse inodes, meta_uuid, bigtime, needsrepair, nrext64, exchange of ranges, parent pointers: none changes how space is counted. */
const knownIncompat = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x20 | 0x40 | 0x80;

/** What the reader needs of a superblock that has passed every check. */
export type XfsGeometry = {
  readonly blockBytes: number;
  readonly sectorBytes: number;
  readonly blockCount: number;
  /** Blocks of every allocation group but the last, which may be shorter. */
  readonly groupBlocks: number;
  readonly groupCount: number;
  readonly freeBlockCount: number;
  readonly lazyCounters: boolean;
  /** Version 5: metadata carry checksums, their own address and `metaUuid`. */
  readonly checksums: boolean;
  readonly metaUuid: Buffer;
  /** The one that people and the log's records know it by. */
  readonly uuid: Buffer;
  /** Version 5: when the superblock was last logged, as lap and block of the log. */
  readonly lastLsn: bigint;
  /** Outside of the file system `firstBlock` means nothing. */
  readonly log: { readonly external: boolean; readonly firstBlock: number; readonly blockCount: number };
};

export function isXfsSuperblock(raw: Buffer): boolean {
  return raw.toString('latin1', 0, 4) === 'XFSB';
}

/** UUID and label as blkid shows them. */
export function readXfsIdentity(raw: Buffer): Identity {
  return { fileSystem: 'xfs', uuid: formatUuid(raw, 32), label: raw.toString('utf8', 108, 120).split('\0')[0] || null };
}

/** Where the whole superblock ends; its checksum covers the rest of the sector. */
export function readSectorBytes(raw: Buffer): number {
  const sectorBytes = raw.readUInt16BE(102);
  return sectorBytes >= 512 && sectorBytes <= 32768 && isPowerOfTwo(sectorBytes) ? sectorBytes : superblockBytes;
}

/** Why nothing this file system says about its space can be trusted, or null. `raw` is its whole first sector. */
export function findDistrust(raw: Buffer): string | null {
  const flags = raw.readUInt16BE(100);
  const version = flags & 0xf;
  if (version !== 4 && version !== 5) return `version ${version} is unknown`;
  const unknown = listUnknownFeatures(raw, version);
  if (unknown !== '') return `features this reader does not know: ${unknown}`;
  if (version === 5) {
    if (checksumOf(raw, superblockSumAt) !== raw.readUInt32LE(superblockSumAt))
      return 'the superblock does not match its checksum';
    if (raw.readUInt32BE(216) & incompat.needsRepair) return 'it is marked as in need of repair';
    if (raw.readUInt32BE(220) !== 0) return 'features are in use that only its log knows (not unmounted cleanly)';
  }
  if (raw[126] !== 0) return 'it was never made completely';
  if (raw.readBigUInt64BE(16) !== 0n || raw.readBigUInt64BE(24) !== 0n) return 'it has a real-time section';
  return null;
}

function listUnknownFeatures(raw: Buffer, version: number): string {
  const flags = raw.readUInt16BE(100);
  const unknown: [string, number][] = [['version', flags & 0xfff0 & ~knownVersionFlags]];
  if (flags & moreBitsFlag) unknown.push(['features2', readFeatures2(raw) & ~knownFeatures2]);
  if (version === 5) {
    unknown.push(['ro_compat', raw.readUInt32BE(212) & ~knownRoCompat]);
    unknown.push(['incompat', raw.readUInt32BE(216) & ~knownIncompat]);
  }
  return unknown
    .filter(([, bits]) => bits !== 0)
    .map(([kind, bits]) => `${kind} 0x${(bits >>> 0).toString(16)}`)
    .join(', ');
}

/** Old kernels wrote the field four bytes further on; the kernel takes both. */
function readFeatures2(raw: Buffer): number {
  return raw.readUInt32BE(200) | raw.readUInt32BE(204);
}

/** The geometry, or the reason why it cannot be one of a file system in `sizeBytes` bytes. */
export function readGeometry(raw: Buffer, sizeBytes: number): XfsGeometry | string {
  const geometry = parseGeometry(raw);
  const { blockBytes, sectorBytes, blockCount, groupBlocks, groupCount, freeBlockCount, log } = geometry;
  if (blockBytes < 512 || blockBytes > 65536 || blockBytes !== 2 ** (raw[120] as number))
    return 'its block size is impossible';
  if (sectorBytes < 512 || sectorBytes > 32768 || sectorBytes !== 2 ** (raw[121] as number) || sectorBytes > blockBytes)
    return 'its sector size is impossible';
  if (blockCount * blockBytes > sizeBytes) return 'it is larger than its partition';
  if (
    groupBlocks < 64 ||
    groupBlocks > 2 ** 31 ||
    2 ** (raw[124] as number) < groupBlocks ||
    2 ** (raw[124] as number) >= 2 * groupBlocks
  )
    return 'its allocation groups have an impossible size';
  if (groupCount !== Math.ceil(blockCount / groupBlocks) || freeBlockCount > blockCount)
    return 'its block counts contradict each other';
  if (log.blockCount === 0) return 'its log has no length';
  if (log.external) return geometry;
  const logEnd = (log.firstBlock % groupBlocks) + log.blockCount;
  if (log.firstBlock + log.blockCount > blockCount || logEnd > groupBlocks || logInGroup(raw) >= groupBlocks)
    return 'its log lies outside the file system';
  return geometry;
}

/** Whether the log is on another device: one inside never starts at block 0. */
export function hasExternalLog(raw: Buffer): boolean {
  return raw.readBigUInt64BE(48) === 0n;
}

function parseGeometry(raw: Buffer): XfsGeometry {
  const version = raw.readUInt16BE(100) & 0xf;
  const groupBlocks = raw.readUInt32BE(84);
  const metaUuidAt = version === 5 && raw.readUInt32BE(216) & incompat.metaUuid ? 248 : 32;
  const logGroup = Number(raw.readBigUInt64BE(48) >> BigInt(raw[124] as number));
  const hasFeatures2 = (raw.readUInt16BE(100) & moreBitsFlag) !== 0;
  return {
    blockBytes: raw.readUInt32BE(4),
    sectorBytes: raw.readUInt16BE(102),
    blockCount: Number(raw.readBigUInt64BE(8)),
    groupBlocks,
    groupCount: raw.readUInt32BE(88),
    freeBlockCount: Number(raw.readBigUInt64BE(144)),
    lazyCounters: version === 5 || (hasFeatures2 && (readFeatures2(raw) & lazyCounters) !== 0),
    checksums: version === 5,
    metaUuid: Buffer.from(raw.subarray(metaUuidAt, metaUuidAt + 16)),
    uuid: Buffer.from(raw.subarray(32, 48)),
    lastLsn: version === 5 ? raw.readBigUInt64BE(240) : 0n,
    log: {
      external: hasExternalLog(raw),
      firstBlock: logGroup * groupBlocks + logInGroup(raw),
      blockCount: raw.readUInt32BE(96),
    },
  };
}

/** A block number holds the group above the bits that a block within a group needs. */
function logInGroup(raw: Buffer): number {
  return Number(BigInt.asUintN(raw[124] as number, raw.readBigUInt64BE(48)));
}

const noSum = Buffer.alloc(4);

/** The CRC-32C of `block` with the four bytes of the checksum itself as zeros. */
export function checksumOf(block: Buffer, sumAt: number): number {
  const head = crc32c(0xffffffff, block.subarray(0, sumAt));
  return ~crc32c(crc32c(head, noSum), block.subarray(sumAt + 4)) >>> 0;
}

function isPowerOfTwo(value: number): boolean {
  return (value & (value - 1)) === 0;
}
