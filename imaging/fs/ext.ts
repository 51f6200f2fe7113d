// The reader of ext2, ext3 and ext4: used blocks from the block bitmaps, when every check says that they can be trusted.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { intersect } from '../chunk/ranges.ts';
import { type Extent, mergeExtents, totalBytes } from '../extent.ts';
import { answerWith, orReason } from './distrust.ts';
import { type ExtBlocks, readUsedBlocks } from './ext-bitmaps.ts';
import {
  type ExtGeometry,
  findDistrust,
  isExtSuperblock,
  readExtIdentity,
  readGeometry,
  superblockAtBytes,
  superblockBytes,
} from './ext-superblock.ts';
import type { FileSystemReader } from './file-system-reader.ts';

export const extReader: FileSystemReader = {
  name: 'ext',
  async readMap(bytes) {
    if (bytes.sizeBytes < superblockAtBytes + superblockBytes) return null;
    const raw = await bytes.read(superblockAtBytes, superblockBytes);
    if (!isExtSuperblock(raw)) return null;
    const found = await orReason(() => readUsed(bytes, raw));
    if (typeof found === 'string') return answerWith(bytes, 'ext', readExtIdentity(raw), found);
    const map = answerWith(bytes, 'ext', readExtIdentity(raw), found.used);
    return { ...map, blank: intersect(found.blank, found.used) };
  },
};

/** The used extents, or the reason why every byte must count as used. */
async function readUsed(bytes: ByteReader, raw: Buffer): Promise<ExtBlocks | string> {
  const distrust = findDistrust(raw);
  if (distrust !== null) return distrust;
  const geometry = readGeometry(raw, bytes.sizeBytes);
  if (typeof geometry === 'string') return geometry;
  const { used, blank } = await readUsedBlocks(bytes, geometry);
  if (!countsAgree(geometry, used)) return 'its free blocks do not add up';
  return { used: addEdges(bytes, geometry, used), blank };
}

/** Whether the blocks found free are as many as the superblock says. It counts whole clusters, also where the last one is cut short. */
function countsAgree(geometry: ExtGeometry, used: readonly Extent[]): boolean {
  const { blockBytes, blockCount, firstDataBlock, clusterBlocks, freeBlockCount } = geometry;
  const toClusters = (blocks: number) => Math.ceil(blocks / clusterBlocks) * clusterBlocks;
  const free = toClusters(blockCount - firstDataBlock) - toClusters(totalBytes(used) / blockBytes);
  return free === freeBlockCount;
}

/** Adds what no bitmap covers: the boot block with the superblock, and the bytes behind the last block. */
function addEdges(bytes: ByteReader, geometry: ExtGeometry, used: readonly Extent[]): Extent[] {
  const endBytes = geometry.blockCount * geometry.blockBytes;
  const boot = { startBytes: 0, lengthBytes: superblockAtBytes + superblockBytes };
  return mergeExtents([boot, ...used, { startBytes: endBytes, lengthBytes: bytes.sizeBytes - endBytes }]);
}
