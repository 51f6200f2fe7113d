// What file systems say of their disk in their boot sectors, for the disk that they go to: where the partition starts, and FAT in what sectors.
import { DeployError } from '../../protocol/errors.ts';
import { type ByteReader, windowOf } from '../blockdev/byte-reader.ts';
import { openImageReader } from '../image-reader.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { Patch, Place } from '../partition/table-change.ts';
import type { StoredImage } from './compose-image.ts';
import { convertFat } from './convert-fat.ts';
import { moveHiddenSectors } from './hidden-sectors.ts';

type Partition = Pick<Manifest['partitions'][0], 'number' | 'fileSystem' | 'startBytes'>;
type To = { readonly startBytes: number; readonly oldSectorSizeBytes: number; readonly sectorSizeBytes: number };

/** Patches, relative to the disk, for all partitions of `image`. @throws target-sector-size, store errors */
export async function adaptBootSectors(
  image: StoredImage,
  places: ReadonlyMap<number, Place>,
  sectorSizeBytes: number,
): Promise<Patch[]> {
  const { geometry, partitions } = image.manifest;
  const reader = openImageReader(image.store, image.manifest);
  const patches: Patch[] = [];
  for (const partition of partitions) {
    const startBytes = places.get(partition.number)?.startBytes ?? partition.startBytes;
    if (startBytes === partition.startBytes && geometry.sectorSizeBytes === sectorSizeBytes) continue;
    const to = { startBytes, oldSectorSizeBytes: geometry.sectorSizeBytes, sectorSizeBytes };
    const bytes = windowOf(reader, partition.startBytes, partition.sizeBytes);
    for (const patch of await adaptBootSector(partition, bytes, to))
      patches.push({ ...patch, offsetBytes: startBytes + patch.offsetBytes });
  }
  return patches;
}

/** The same for one partition of these `bytes`, and relative to it. @throws target-sector-size, store errors */
export async function adaptBootSector(
  { number, fileSystem, startBytes: oldStartBytes }: Partition,
  bytes: ByteReader,
  { startBytes, oldSectorSizeBytes, sectorSizeBytes }: To,
): Promise<Patch[]> {
  if (fileSystem !== 'vfat' || oldSectorSizeBytes === sectorSizeBytes)
    return await moveHiddenSectors(fileSystem, bytes, oldStartBytes, startBytes);
  const patches = await convertFat(bytes, { oldStartBytes, startBytes, sectorSizeBytes });
  if (typeof patches !== 'string') return patches;
  throw new DeployError('target-sector-size', `partition ${number}: ${patches}`);
}
