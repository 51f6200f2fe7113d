// What of an image goes into one partition of a target: chosen, checked against the room and the sectors there, and told where it will be.
import { DeployError } from '../../protocol/errors.ts';
import { windowOf } from '../blockdev/byte-reader.ts';
import { openImageReader } from '../image-reader.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { adaptBootSector } from './boot-sectors.ts';
import { composeImage, type StoredImage } from './compose-image.ts';
import { whyNotConvertible } from './convert-sectors.ts';
import type { TargetPartition } from './target-partition.ts';

type Partition = Manifest['partitions'][0];

/** The partition as the image describes it, and an image of it alone, which ends with it and begins where it began on its disk. */
export type ExtractedPartition = { readonly partition: Partition; readonly image: StoredImage };

/** @throws invalid-input (no such partition), target-too-small, target-sector-size, chunk-…, store errors, cancelled */
export async function extractPartition(
  image: StoredImage,
  number: number,
  to: TargetPartition,
  signal: AbortSignal | undefined,
): Promise<ExtractedPartition> {
  const partition = choosePartition(image.manifest, number);
  await checkFits(image, partition, to);
  return { partition, image: await extract(image, partition, to, signal) };
}

function choosePartition({ name, partitions, capturedPartitions, geometry }: Manifest, number: number): Partition {
  const isContainer = ({ type }: Partition) => geometry.table === 'mbr' && ['05', '0f', '85'].includes(type ?? '');
  const there = partitions.filter((part) => !isContainer(part) && (capturedPartitions?.includes(part.number) ?? true));
  const found = there.find((part) => part.number === number);
  if (found !== undefined) return found;
  const known = there.map((part) => part.number).join(', ') || 'none';
  throw new DeployError('invalid-input', `'${name}' holds no partition ${number}; it holds ${known}`);
}

async function checkFits({ manifest, store }: StoredImage, partition: Partition, to: TargetPartition): Promise<void> {
  const { sizeBytes, startBytes, number } = partition;
  if (to.sizeBytes < sizeBytes) {
    throw new DeployError(
      'target-too-small',
      `${to.label} has ${to.sizeBytes} bytes, partition ${number} has ${sizeBytes}`,
      {
        hint: `Restore into a partition of at least ${sizeBytes} bytes.`,
      },
    );
  }
  const { sectorSizeBytes } = manifest.geometry;
  if (to.kind === 'file' || to.sectorSizeBytes === sectorSizeBytes) return;
  const bytes = windowOf(openImageReader(store, manifest), startBytes, sizeBytes);
  const why = await whyNotConvertible(partition, bytes, to.sectorSizeBytes);
  if (why === null) return;
  throw new DeployError(
    'target-sector-size',
    `${to.label} has sectors of ${to.sectorSizeBytes} bytes, partition ${number} was captured from ${sectorSizeBytes}: ${why}`,
  );
}

async function extract(
  image: StoredImage,
  partition: Partition,
  to: TargetPartition,
  signal: AbortSignal | undefined,
): Promise<StoredImage> {
  const { startBytes, sizeBytes } = partition;
  const bytes = windowOf(openImageReader(image.store, image.manifest), startBytes, sizeBytes);
  const { sectorSizeBytes } = image.manifest.geometry;
  const adapted = await adaptBootSector(partition, bytes, {
    ...{ startBytes: to.diskStartBytes ?? startBytes, oldSectorSizeBytes: sectorSizeBytes },
    sectorSizeBytes: to.kind === 'file' ? sectorSizeBytes : to.sectorSizeBytes,
  });
  const patches = adapted.map((patch) => ({ ...patch, offsetBytes: startBytes + patch.offsetBytes }));
  const pieces = [{ image, fromBytes: startBytes, toBytes: startBytes, lengthBytes: sizeBytes }];
  const describe = { partitions: [partition], tableSectors: [], table: 'none' as const, diskId: null };
  const alone = { sizeBytes: startBytes + sizeBytes, sectorSizeBytes, pieces, patches, describe };
  return await composeImage(image, alone, signal);
}
