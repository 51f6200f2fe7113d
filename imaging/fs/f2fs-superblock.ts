// The superblock of F2FS, held against its copy and checked field by field before anything rests on it.
// Layout: Linux include/linux/f2fs_fs.h (struct f2fs_super_block); checks as in fs/f2fs/super.c (sanity_check_raw_super).
import { crc32 } from 'node:zlib';
import type { Identity } from './distrust.ts';
import { formatUuid } from './signatures.ts';

export const superblockAtBytes = 1024;
export const superblockBytes = 3072;
/** All that any released kernel and mkfs.f2fs of 4 KiB pages knows. */
export const blockBytes = 4096;
export const segmentBlocks = 512;

const magic = 0xf2f52010;
const feature = { zoned: 0x2, checksum: 0x800 } as const;
/** Encryption, zones, atomic writes, … up to compression and read-only images: none of them changes how space is counted. */
const knownFeatures = 0x7fff;

/** What the reader needs of a superblock that has passed every check. Addresses are in blocks of the whole device. */
export type F2fsGeometry = {
  readonly checkpointBlock: number;
  /** Blocks with version bitmaps that follow the first block of a checkpoint. */
  readonly checkpointPayload: number;
  readonly segmentInfoBlock: number;
  /** Blocks of one of the two copies of the segment information table. */
  readonly segmentInfoBlocks: number;
  readonly mainBlock: number;
  readonly mainSegments: number;
};

export function isF2fsSuperblock(raw: Buffer): boolean {
  return raw.readUInt32LE(0) === magic;
}

export function readF2fsIdentity(raw: Buffer): Identity {
  const label = raw.toString('utf16le', 124, 1148).split('\0')[0] || null;
  return { fileSystem: 'f2fs', uuid: formatUuid(raw, 108), label };
}

/** The checksum of F2FS: CRC-32 from its magic number on, not inverted. */
export function checksumOf(bytes: Buffer, seed = magic): number {
  return ~crc32(bytes, ~seed >>> 0) >>> 0;
}

/** Why nothing this file system says about its space can be trusted, or null. `copy` is its second superblock. */
export function findDistrust(raw: Buffer, copy: Buffer): string | null {
  const features = raw.readUInt32LE(2180);
  const unknown = features & ~knownFeatures;
  if (unknown !== 0) return `features this reader does not know: 0x${(unknown >>> 0).toString(16)}`;
  if (features & feature.zoned) return 'it lies on a zoned device';
  if (raw[2201] !== 0) return 'it extends over several devices';
  if (
    features & feature.checksum &&
    (raw.readUInt32LE(32) !== 3068 || checksumOf(raw.subarray(0, 3068)) !== raw.readUInt32LE(3068))
  )
    return 'the superblock does not match its checksum';
  // Sizes, addresses and identity up to the label, and the features.
  const sameCopy = raw.subarray(0, 124).equals(copy.subarray(0, 124)) && features === copy.readUInt32LE(2180);
  if (!sameCopy || raw.readUInt32LE(1664) !== copy.readUInt32LE(1664))
    return 'its two superblocks contradict each other';
  if (raw.subarray(2794, 2810).some((byte) => byte !== 0)) return 'errors are recorded in it';
  return null;
}

/** The geometry, or the reason why it cannot be one of a file system in `sizeBytes` bytes. */
export function readGeometry(raw: Buffer, sizeBytes: number): F2fsGeometry | string {
  const field = (at: number) => raw.readUInt32LE(at);
  if (field(16) !== 12 || field(20) !== 9) return 'its block or segment size is not one this reader knows';
  const [checkpointSegments, infoSegments, addressSegments, summarySegments, mainSegments] = [52, 56, 60, 64, 68].map(
    field,
  ) as [number, number, number, number, number];
  const [start, checkpoint, info, addresses, summaries, main] = [72, 76, 80, 84, 88, 92].map(field) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const follow =
    start === checkpoint &&
    checkpointSegments >= 2 &&
    checkpoint + checkpointSegments * segmentBlocks === info &&
    info + infoSegments * segmentBlocks === addresses &&
    addresses + addressSegments * segmentBlocks === summaries &&
    summaries + summarySegments * segmentBlocks === main;
  if (!follow || checkpoint < 2) return 'its areas do not follow each other';
  const endBlock = main + mainSegments * segmentBlocks;
  if (mainSegments === 0 || endBlock > start + field(48) * segmentBlocks || endBlock > Number(raw.readBigUInt64LE(36)))
    return 'its segment counts contradict each other';
  if (endBlock * blockBytes > sizeBytes) return 'it is larger than its partition';
  const checkpointPayload = field(1664);
  if (checkpointPayload > segmentBlocks - 8) return 'its checkpoints have an impossible size';
  return {
    checkpointBlock: checkpoint,
    checkpointPayload,
    segmentInfoBlock: info,
    segmentInfoBlocks: (infoSegments / 2) * segmentBlocks,
    mainBlock: main,
    mainSegments,
  };
}
