// The start of fitting an image to a disk: whether there is room for it at all, by the sizes of disk and sectors; asked by a restore, and by a server that plans one.
import { DeployError } from '../../protocol/errors.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { PartitionTable } from '../partition/partition.ts';
import { backupGptBytes } from '../partition/write-gpt.ts';
import type { StoredImage } from './compose-image.ts';
import { checkConvertible } from './convert-sectors.ts';
import { growLayout, keepLayout, type Layout, type NewDisk, type OldLayout, requiredBytes } from './layout.ts';
import { openTableSectors, readOldTable } from './old-table.ts';

/** The disk that the image is for. A file has whatever sectors the image counts in. */
export type FitTarget = {
  readonly kind: 'block' | 'file';
  readonly exists: boolean;
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly label: string;
};

/** Which partition takes the free space. */
type Growing = 'none' | 'last' | number;

/** Whether `fitImage` would find room, without making anything. @throws target-too-small, target-sector-size, invalid-input, partition-table-corrupt, store errors */
export async function checkFits(
  image: StoredImage,
  target: FitTarget,
  { grow = 'none' }: { readonly grow?: Growing | undefined } = {},
): Promise<void> {
  const { disk, table } = await measure(image, target);
  if (table === null) checkBare(image, disk, target.label);
  else await layOut(image, table, { ...disk, label: target.label }, grow);
}

export type Measured = {
  readonly disk: { readonly sizeBytes: number; readonly sectorSizeBytes: 512 | 4096 };
  readonly table: PartitionTable | null;
};

/** @throws target-sector-size, invalid-input for an image of single partitions */
export async function measure(image: StoredImage, target: FitTarget): Promise<Measured> {
  const { geometry } = image.manifest;
  refusePartial(image.manifest);
  const sectorSizeBytes = target.kind === 'block' ? target.sectorSizeBytes : geometry.sectorSizeBytes;
  const wholeBytes = target.exists ? target.sizeBytes : geometry.sizeBytes;
  const sizeBytes = wholeBytes - (wholeBytes % sectorSizeBytes);
  const table = await readOldTable(image.manifest);
  if (sectorSizeBytes !== geometry.sectorSizeBytes) await checkConvertible(image, table, sectorSizeBytes, target.label);
  return { disk: { sizeBytes, sectorSizeBytes: sectorSizeBytes as 512 | 4096 }, table };
}

/** Without a table there is one file system at most. */
export function checkBare(image: StoredImage, disk: Measured['disk'], label: string): void {
  const { geometry, partitions, usedEndBytes, name } = image.manifest;
  const [only] = partitions;
  const known = only !== undefined && only.reader !== 'raw';
  const neededBytes = known ? geometry.sizeBytes : usedEndBytes;
  if (disk.sizeBytes < neededBytes) throw tooSmall(label, disk.sizeBytes, name, neededBytes);
}

export type TableTarget = Omit<NewDisk, 'backupBytes' | 'sectorSizeBytes'> & {
  readonly sectorSizeBytes: 512 | 4096;
  readonly label: string;
};

/** Where the partitions go. @throws target-too-small, invalid-input (no such partition to grow) */
export async function layOut(
  { manifest }: StoredImage,
  table: PartitionTable,
  target: TableTarget,
  grow: Growing,
): Promise<{ readonly old: OldLayout; readonly layout: Layout }> {
  const { geometry, chunkSizeBytes, name } = manifest;
  const old: OldLayout = { table, sizeBytes: geometry.sizeBytes, stepBytes: chunkSizeBytes };
  const sectors = openTableSectors(manifest);
  const backupBytes = table.type === 'gpt' ? await backupGptBytes(sectors, target.sectorSizeBytes) : 0;
  const disk: NewDisk = { ...target, backupBytes };
  const neededBytes = requiredBytes(old, keepLayout(old), disk);
  if (target.sizeBytes < neededBytes) throw tooSmall(target.label, target.sizeBytes, name, neededBytes);
  return { old, layout: grow === 'none' ? keepLayout(old) : growLayout(old, disk, grow) };
}

function refusePartial({ name, capturedPartitions }: Manifest): void {
  if (capturedPartitions === undefined) return;
  const which = capturedPartitions.join(', ');
  throw new DeployError('invalid-input', `'${name}' holds no whole disk, only partition ${which}`, {
    hint: 'Say which partition is to be restored (--partition) and into which one (--to-partition).',
  });
}

export function tooSmall(label: string, sizeBytes: number, name: string, neededBytes: number): DeployError {
  return new DeployError('target-too-small', `${label} has ${sizeBytes} bytes, '${name}' needs ${neededBytes}`, {
    hint: `Restore to a disk of at least ${neededBytes} bytes.`,
  });
}
