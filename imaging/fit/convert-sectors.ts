// Whether a partition can live on a disk with sectors of another size: asked before a restore writes, because a table that is right is not enough.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Manifest } from '../manifest/manifest.ts';

type Partition = Manifest['partitions'][0];

/** Microsoft's reserved partition: nothing in it means anything. */
const reservedType = 'e3c9e316-0b5c-4db8-817d-f92df00215ae';

/**
 * Why `partition`, with its `bytes`, cannot be used on a disk with sectors of `sectorSizeBytes`; null when it can.
 * Only file systems that count in blocks of their own, and of which Linux requires no more than blocks as large as a sector.
 */
export async function whyNotConvertible(
  partition: Partition,
  bytes: ByteReader,
  sectorSizeBytes: number,
): Promise<string | null> {
  if (partition.type === reservedType) return null;
  const { fileSystem } = partition;
  if (fileSystem === 'btrfs' || fileSystem === 'swap') return null;
  const unitBytes = await leastUnitBytes(fileSystem, bytes);
  if (unitBytes === null) return `${fileSystem ?? 'what is in it'} depends on the sector size it was made for`;
  if (unitBytes >= sectorSizeBytes) return null;
  return `its ${fileSystem} reads and writes ${unitBytes} bytes at a time`;
}

/** What the file system reads and writes at least: blocks of ext (superblock, s_log_block_size), sectors of XFS (sb_sectsize). */
async function leastUnitBytes(fileSystem: string | null, bytes: ByteReader): Promise<number | null> {
  if (fileSystem?.match(/^ext[234]$/)) return 1024 << ((await bytes.read(1024 + 24, 4)).readUInt32LE() & 15);
  if (fileSystem === 'xfs') return (await bytes.read(102, 2)).readUInt16BE();
  return null;
}
