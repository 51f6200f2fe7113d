// Whether a partition can live on a disk with sectors of another size: asked before a restore writes, because a table that is right is not enough.
import { DeployError } from '../../protocol/errors.ts';
import { type ByteReader, windowOf } from '../blockdev/byte-reader.ts';
import { openImageReader } from '../image-reader.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { PartitionTable } from '../partition/partition.ts';
import type { StoredImage } from './compose-image.ts';
import { convertFat, type FatMove } from './convert-fat.ts';

type Partition = Manifest['partitions'][0];

/** Microsoft's reserved partition: nothing in it means anything. */
const reservedType = 'e3c9e316-0b5c-4db8-817d-f92df00215ae';

/**
 * Why `partition`, with its `bytes`, cannot be used on a disk with sectors of `sectorSizeBytes`; null when it can.
 * File systems that count in blocks of their own, of which Linux requires no more than blocks as large as a sector; and FAT, whose boot
 * sector is made anew.
 */
export async function whyNotConvertible(
  partition: Partition,
  bytes: ByteReader,
  sectorSizeBytes: number,
): Promise<string | null> {
  if (partition.type === reservedType) return null;
  const { fileSystem, startBytes } = partition;
  if (fileSystem === 'vfat')
    return await whyNoFat(partition, bytes, { oldStartBytes: startBytes, startBytes, sectorSizeBytes });
  if (fileSystem === 'btrfs' || fileSystem === 'swap') return null;
  const unitBytes = await leastUnitBytes(fileSystem, bytes);
  if (unitBytes === null) return `${fileSystem ?? 'what is in it'} depends on the sector size it was made for`;
  if (unitBytes >= sectorSizeBytes) return null;
  return `its ${fileSystem} reads and writes ${unitBytes} bytes at a time`;
}

/** Without a table the image is used as it is. */
async function whyNoFat({ number, reader }: Partition, bytes: ByteReader, move: FatMove): Promise<string | null> {
  if (number === 0) return 'a FAT is given other sectors in a partition only';
  if (reader === 'raw') return 'its FAT was not sound when it was captured';
  const patches = await convertFat(bytes, move);
  return typeof patches === 'string' ? patches : null;
}

/** What the file system reads and writes at least: blocks of ext (superblock, s_log_block_size), sectors of XFS (sb_sectsize). */
async function leastUnitBytes(fileSystem: string | null, bytes: ByteReader): Promise<number | null> {
  if (fileSystem?.match(/^ext[234]$/)) return 1024 << ((await bytes.read(1024 + 24, 4)).readUInt32LE() & 15);
  if (fileSystem === 'xfs') return (await bytes.read(102, 2)).readUInt16BE();
  return null;
}

/** Refuses an image that cannot live on a disk with sectors of `sectorSizeBytes`, which `label` names. @throws target-sector-size, store errors */
export async function checkConvertible(
  image: StoredImage,
  table: PartitionTable | null,
  sectorSizeBytes: number,
  label: string,
): Promise<void> {
  const { name, geometry, partitions } = image.manifest;
  const refuse = (why: string) =>
    new DeployError(
      'target-sector-size',
      `${label} has sectors of ${sectorSizeBytes} bytes, '${name}' was captured from ${geometry.sectorSizeBytes}: ${why}`,
      { hint: 'Restore to a disk with the same sector size.' },
    );
  if (geometry.sizeBytes % sectorSizeBytes !== 0 && table === null)
    throw refuse('its size is no whole number of sectors');
  const reader = openImageReader(image.store, image.manifest);
  for (const partition of partitions) {
    const { number, startBytes, sizeBytes } = partition;
    const what = number === 0 ? 'it' : `partition ${number}`;
    if (startBytes % sectorSizeBytes !== 0 || sizeBytes % sectorSizeBytes !== 0) {
      throw refuse(`${what} does not start and end between two sectors`);
    }
    const container = table?.partitions.find((part) => part.number === number)?.container ?? false;
    const why = container
      ? null
      : await whyNotConvertible(partition, windowOf(reader, startBytes, sizeBytes), sectorSizeBytes);
    if (why !== null) throw refuse(`${what}: ${why}`);
  }
}
