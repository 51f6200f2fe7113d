// The step of a restore between the target's facts and its first write: the image as it has to be for this disk, or the refusal.
import { DeployError } from '../../protocol/errors.ts';
import { windowOf } from '../blockdev/byte-reader.ts';
import { openImageReader } from '../image-reader.ts';
import type { Manifest } from '../manifest/manifest.ts';
import { dynamicTypes, type PartitionTable } from '../partition/partition.ts';
import type { NewTableIds, Patch } from '../partition/table-change.ts';
import { backupGptBytes, rewriteGpt } from '../partition/write-gpt.ts';
import { rewriteMbr } from '../partition/write-mbr.ts';
import type { RunOptions } from '../progress.ts';
import { adaptBootSectors } from './boot-sectors.ts';
import { checkBare, type FitTarget, layOut, type Measured, measure, type TableTarget, tooSmall } from './check-fits.ts';
import { chooseVolume, type VolumeChoice } from './choose-volume.ts';
import { composeImage, type Piece, type StoredImage } from './compose-image.ts';
import { type Layout, type OldLayout, requiredBytes, shrinkLayout } from './layout.ts';
import { makeTableIds } from './new-table-ids.ts';
import { openTableSectors, readOldTable } from './old-table.ts';

export type FitOptions = RunOptions & {
  /** The partition that takes the free space of a larger disk; its file system is grown after the restore. */
  readonly grow?: 'none' | 'last' | number | undefined;
  /** The logical volume that takes the room of that partition (`root`, `vg0/root`; `none`: the group keeps it); the only one unless told. */
  readonly growVolume?: string | undefined;
  /** The table gets new ids: another disk than the one that was captured, to every system that sees both. */
  readonly newIds?: boolean;
};

/** A partition that was given room: number 0 is a disk without a table. */
export type Grown = {
  readonly number: number;
  readonly startBytes: number;
  readonly sizeBytes: number;
  readonly oldSizeBytes: number;
  readonly fileSystem: string | null;
  readonly uuid: string | null;
  readonly label: string | null;
  /** What vouched for its used bytes when it was captured. */
  readonly reader: string;
  /** What grows in it, where it is a physical volume of LVM2. */
  readonly volume: VolumeChoice;
};

export type FittedImage = StoredImage & { readonly grown: Grown | null };

/**
 * `image` for `target`: the backup GPT at its end, a partition grown, tables in its sectors. Nothing is written.
 * @throws target-too-small, target-sector-size, invalid-input (no such partition or volume to grow, or several volumes), partition-table-corrupt, store errors
 */
export async function fitImage(image: StoredImage, target: FitTarget, options: FitOptions = {}): Promise<FittedImage> {
  const { disk, table } = await measure(image, target);
  if (table === null) return await fitBare(image, disk, target.label, options);
  return await fitTable(image, table, { ...disk, label: target.label }, options);
}

/** Without a table there is nothing to rewrite. */
async function fitBare(
  image: StoredImage,
  disk: Measured['disk'],
  label: string,
  { grow = 'none', growVolume }: FitOptions,
): Promise<FittedImage> {
  const { geometry, name } = image.manifest;
  checkBare(image, disk, label);
  if (grow === 'none' || disk.sizeBytes <= geometry.sizeBytes) return { ...image, grown: null };
  if (typeof grow === 'number' && grow !== 0) {
    throw new DeployError(
      'invalid-input',
      `'${name}' has no partition table, so there is no partition ${grow} to grow`,
    );
  }
  const place = { number: 0, startBytes: 0, sizeBytes: disk.sizeBytes, oldSizeBytes: geometry.sizeBytes };
  return { ...image, grown: { ...place, ...(await contentOf(image, 0, growVolume)) } };
}

async function fitTable(
  image: StoredImage,
  table: PartitionTable,
  target: TableTarget,
  { grow = 'none', growVolume, newIds = false, signal, onWarning }: FitOptions,
): Promise<FittedImage> {
  const { geometry } = image.manifest;
  const { old, layout } = await layOut(image, table, target, grow);
  if (layout.resized === null && grow !== 'none')
    onWarning?.(`there is no free space for partition ${grow} to grow into`);
  const sameDisk = target.sizeBytes === geometry.sizeBytes && target.sectorSizeBytes === geometry.sectorSizeBytes;
  const onlyLarger =
    table.type === 'mbr' &&
    target.sectorSizeBytes === geometry.sectorSizeBytes &&
    target.sizeBytes >= geometry.sizeBytes;
  if (!newIds && layout.resized === null && (sameDisk || onlyLarger)) return { ...image, grown: null };
  refuseDynamicDisk(image.manifest);
  const grown = await grownOf(image, layout, growVolume);
  const fitted = await composeLayout(image, { old, layout, target, ids: newIds ? makeTableIds(table) : null }, signal);
  return { ...fitted, grown };
}

async function grownOf(image: StoredImage, { resized }: Layout, volume: string | undefined): Promise<Grown | null> {
  if (resized === null) return null;
  const { number, oldSizeBytes, place } = resized;
  return { number, ...place, oldSizeBytes, ...(await contentOf(image, number, volume)) };
}

type Content = Pick<Grown, 'fileSystem' | 'uuid' | 'label' | 'reader' | 'volume'>;

async function contentOf(image: StoredImage, number: number, growVolume: string | undefined): Promise<Content> {
  const found = image.manifest.partitions.find((part) => part.number === number);
  if (found === undefined) return { fileSystem: null, uuid: null, label: null, reader: 'raw', volume: null };
  const { fileSystem, fileSystemUuid: uuid, fileSystemLabel: label, reader } = found;
  const bytes = windowOf(openImageReader(image.store, image.manifest), found.startBytes, found.sizeBytes);
  return { fileSystem, uuid, label, reader, volume: await chooseVolume(bytes, found, growVolume) };
}

type Fit = {
  readonly old: OldLayout;
  readonly layout: Layout;
  readonly target: TableTarget;
  readonly ids: NewTableIds | null;
};

/**
 * `image` with partition `number` at its new, smaller size, what lies behind it moved up, for `target`. `shrunk` is an image of
 * the same disk, of the same chunk size, in which that partition's file system is no longer than `newSizeBytes`.
 * @throws target-too-small when that is not enough; invalid-input, target-sector-size, store errors
 */
export async function fitShrunkImage(
  image: StoredImage,
  target: FitTarget,
  to: { readonly number: number; readonly newSizeBytes: number; readonly shrunk: StoredImage },
  options: FitOptions = {},
): Promise<FittedImage> {
  const { geometry, chunkSizeBytes, name } = image.manifest;
  const table = await readOldTable(image.manifest);
  if (table === null || (target.kind === 'block' && target.sectorSizeBytes !== geometry.sectorSizeBytes)) {
    throw new DeployError(
      'invalid-input',
      `'${name}' cannot be shrunk: that takes a partition table, in the target's sectors`,
    );
  }
  refuseDynamicDisk(image.manifest);
  const { sectorSizeBytes } = geometry;
  const old = { table, sizeBytes: geometry.sizeBytes, stepBytes: chunkSizeBytes };
  const layout = shrinkLayout(old, to.number, to.newSizeBytes);
  const sectors = openTableSectors(image.manifest);
  const backupBytes = table.type === 'gpt' ? await backupGptBytes(sectors, sectorSizeBytes) : 0;
  const sizeBytes = target.sizeBytes - (target.sizeBytes % sectorSizeBytes);
  const neededBytes = requiredBytes(old, layout, { sizeBytes, sectorSizeBytes, backupBytes });
  if (sizeBytes < neededBytes) throw tooSmall(target.label, sizeBytes, name, neededBytes);
  const ids = options.newIds === true ? makeTableIds(table) : null;
  const fit = { old, layout, target: { sizeBytes, sectorSizeBytes, label: target.label }, ids, shrunk: to.shrunk };
  return { ...(await composeLayout(image, fit, options.signal)), grown: null };
}

/** The image in `layout`: its pieces where they go, the resized partition's out of `shrunk` where it is given, and its table rewritten. */
async function composeLayout(
  image: StoredImage,
  { old, layout, target, ids, shrunk }: Fit & { readonly shrunk?: StoredImage },
  signal?: AbortSignal,
): Promise<StoredImage> {
  const { sizeBytes, sectorSizeBytes } = target;
  const sectors = openTableSectors(image.manifest);
  const change = { sizeBytes, sectorSizeBytes, places: layout.places, ...(ids === null ? {} : { ids }) };
  const tables = old.table.type === 'gpt' ? await rewriteGpt(sectors, change) : await rewriteMbr(sectors, change);
  const patches = [
    ...oldBackups(old, layout, sizeBytes),
    ...(await adaptBootSectors(image, layout.places, sectorSizeBytes)),
    ...tables,
  ];
  const tableSectors = tables.map(({ offsetBytes, bytes }) => ({ offsetBytes, base64: bytes.toString('base64') }));
  const partitions = image.manifest.partitions.map((part) => {
    const partitionUuid = ids?.partitionIds.get(part.number) ?? part.partitionUuid;
    return { ...part, ...layout.places.get(part.number), partitionUuid };
  });
  const pieces = piecesOf(image, old, layout, sizeBytes, shrunk);
  return await composeImage(
    image,
    {
      sizeBytes,
      sectorSizeBytes,
      pieces,
      patches,
      describe: { partitions, tableSectors, ...(ids === null ? {} : { diskId: ids.diskId }) },
    },
    signal,
  );
}

/** What stays, what moves, and, where no partition is resized, what lies behind the last one and still has room. */
function piecesOf(
  image: StoredImage,
  old: OldLayout,
  layout: Layout,
  sizeBytes: number,
  shrunk?: StoredImage,
): Piece[] {
  const { resized, movedFromBytes, movedEndBytes, movedByBytes } = layout;
  const stay = (from: number, to: number, of = image): Piece => ({
    image: of,
    fromBytes: from,
    lengthBytes: to - from,
    toBytes: from,
  });
  const moved = {
    image,
    fromBytes: movedFromBytes,
    lengthBytes: movedEndBytes - movedFromBytes,
    toBytes: movedFromBytes + movedByBytes,
  };
  const { startBytes, sizeBytes: newSize } = resized?.place ?? { startBytes: 0, sizeBytes: movedFromBytes };
  const pieces =
    resized === null
      ? [stay(0, Math.min(old.sizeBytes, sizeBytes))]
      : [stay(0, startBytes), stay(startBytes, startBytes + Math.min(resized.oldSizeBytes, newSize), shrunk), moved];
  return pieces.filter(({ lengthBytes }) => lengthBytes > 0);
}

/** The old backup of a GPT, where it would be left in free space: zeros, so that no tool takes it for the real one. */
function oldBackups({ table }: OldLayout, { resized, movedEndBytes }: Layout, sizeBytes: number): Patch[] {
  if (table.type !== 'gpt' || resized !== null) return [];
  return table.ownExtents
    .filter(({ startBytes, lengthBytes }) => startBytes >= movedEndBytes && startBytes + lengthBytes <= sizeBytes)
    .map(({ startBytes, lengthBytes }) => ({ offsetBytes: startBytes, bytes: Buffer.alloc(lengthBytes) }));
}

/** Their description of all of them counts in sectors, from the end of the disk on an MBR. */
function refuseDynamicDisk({ name, partitions }: Manifest): void {
  if (!partitions.some(({ type }) => type !== null && dynamicTypes.includes(type))) return;
  throw new DeployError(
    'invalid-input',
    `'${name}' is a dynamic disk of Windows; its table cannot be made to fit another disk`,
    {
      hint: 'Restore it to a disk of the same size and sector size.',
    },
  );
}
