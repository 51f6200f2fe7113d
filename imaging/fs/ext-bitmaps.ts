// The block bitmaps of ext2, ext3 and ext4: which blocks of each group are used.
// Layout: Linux Documentation/filesystems/ext4/bitmaps.rst and bigalloc.rst.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import { BlockList, scanBitmap } from './block-list.ts';
import { crc32c } from './crc.ts';
import { corrupt } from './distrust.ts';
import { type ExtGroup, hasSuperblock, readGroups } from './ext-groups.ts';
import { InodeTables } from './ext-inode-tables.ts';
import type { ExtGeometry } from './ext-superblock.ts';

/** flex_bg puts sixteen bitmaps side by side; they are read at once up to this size. */
const batchBytes = 64 * 1024;

export type ExtBlocks = { readonly used: Extent[]; readonly blank: Extent[] };

/**
 * The used blocks of the whole file system as extents, and those of them that are `blank` (docs/file-systems.md).
 * @throws DeployError file-system-corrupt when a checksum or a count does not agree, source-read, source-vanished
 */
export async function readUsedBlocks(bytes: ByteReader, geometry: ExtGeometry): Promise<ExtBlocks> {
  const tables = new InodeTables(geometry);
  const used = new BlockList(geometry.blockBytes);
  for await (const groups of readGroups(bytes, geometry)) {
    for (const group of groups) tables.add(group);
    for (const batch of batchBitmaps(groups, geometry.blockBytes)) await addBatch(bytes, geometry, batch, used);
  }
  return { used: used.toExtents(), blank: tables.listBlank() };
}

/** Splits groups into batches: each one group without a bitmap, or groups whose bitmaps follow each other on the disk. */
function batchBitmaps(groups: readonly ExtGroup[], blockBytes: number): ExtGroup[][] {
  const batches: ExtGroup[][] = [];
  for (const group of groups) {
    const batch = batches.at(-1);
    const last = batch?.at(-1);
    const follows = last !== undefined && !last.uninitialised && last.bitmapBlock + 1 === group.bitmapBlock;
    if (batch !== undefined && follows && !group.uninitialised && batch.length * blockBytes < batchBytes)
      batch.push(group);
    else batches.push([group]);
  }
  return batches;
}

async function addBatch(
  bytes: ByteReader,
  geometry: ExtGeometry,
  batch: readonly ExtGroup[],
  used: BlockList,
): Promise<void> {
  const [first] = batch;
  if (first === undefined) return;
  if (first.uninitialised) return addMetadata(geometry, first, used);
  const { blockBytes } = geometry;
  const bitmaps = await bytes.read(first.bitmapBlock * blockBytes, batch.length * blockBytes);
  batch.forEach((group, i) => {
    addBitmap(geometry, group, bitmaps.subarray(i * blockBytes, (i + 1) * blockBytes), used);
  });
}

function addBitmap(geometry: ExtGeometry, group: ExtGroup, bitmap: Buffer, used: BlockList): void {
  const { clusterBlocks, blocksPerGroup, checksumSeed } = geometry;
  if (group.bitmapSum !== null) {
    const sum = crc32c(checksumSeed, bitmap.subarray(0, blocksPerGroup / clusterBlocks / 8));
    if ((sum & group.bitmapSum.mask) >>> 0 !== group.bitmapSum.value) {
      throw corrupt(`the block bitmap of group ${group.number} does not match its checksum`);
    }
  }
  const clusters = Math.ceil(group.blockCount / clusterBlocks);
  const endBlock = group.firstBlock + group.blockCount;
  const set = scanBitmap(bitmap, clusters, (from, to) => {
    used.add(group.firstBlock + from * clusterBlocks, Math.min(group.firstBlock + to * clusterBlocks, endBlock));
  });
  if (clusters - set !== group.freeClusters) {
    throw corrupt(
      `group ${group.number} has ${clusters - set} free clusters in its bitmap and ${group.freeClusters} in its descriptor`,
    );
  }
}

/** What a group whose bitmap was never written uses: its backups of superblock and descriptors, its bitmaps and its inode table. */
function addMetadata(geometry: ExtGeometry, group: ExtGroup, used: BlockList): void {
  const runs: [first: number, blocks: number][] = [
    [group.firstBlock, countBackupBlocks(geometry, group.number)],
    [group.bitmapBlock, 1],
    [group.inodeBitmapBlock, 1],
    [group.inodeTableBlock, geometry.inodeTableBlocks],
  ];
  for (const [first, blocks] of runs.sort((a, b) => a[0] - b[0])) {
    if (blocks > 0) used.add(...roundToClusters(geometry, first, first + blocks));
  }
}

function roundToClusters(
  { firstDataBlock, clusterBlocks, blockCount }: ExtGeometry,
  first: number,
  end: number,
): [number, number] {
  const down = (block: number) => block - ((block - firstDataBlock) % clusterBlocks);
  return [down(first), Math.min(down(end + clusterBlocks - 1), blockCount)];
}

/** Blocks at the head of a group taken by the superblock's backup, the descriptor table (or its one block with meta_bg) and its room to grow. */
function countBackupBlocks(geometry: ExtGeometry, group: number): number {
  const perBlock = geometry.blockBytes / geometry.descriptorBytes;
  const superblock = hasSuperblock(geometry, group) ? 1 : 0;
  const metaGroup = Math.floor(group / perBlock);
  if (metaGroup < geometry.firstMetaGroup) {
    const table = Math.min(Math.ceil(geometry.groupCount / perBlock), geometry.firstMetaGroup);
    return superblock === 0 ? 0 : 1 + table + geometry.reservedDescriptorBlocks;
  }
  const place = group % perBlock;
  return superblock + (place === 0 || place === 1 || place === perBlock - 1 ? 1 : 0);
}
