// The reader of F2FS: used are its tables and the valid blocks of its segments, when every check says that they can be trusted.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type Extent, mergeExtents } from '../extent.ts';
import { answerWith, orReason } from './distrust.ts';
import { findDirt, hasLaterNodes, readCheckpoint } from './f2fs-checkpoint.ts';
import { readUsedBlocks } from './f2fs-segments.ts';
import {
  blockBytes,
  findDistrust,
  isF2fsSuperblock,
  readF2fsIdentity,
  readGeometry,
  segmentBlocks,
  superblockAtBytes,
  superblockBytes,
} from './f2fs-superblock.ts';
import type { FileSystemReader } from './file-system-reader.ts';

export const f2fsReader: FileSystemReader = {
  name: 'f2fs',
  async readMap(bytes) {
    if (bytes.sizeBytes < 2 * blockBytes) return null;
    const raw = await bytes.read(superblockAtBytes, superblockBytes);
    if (!isF2fsSuperblock(raw)) return null;
    return answerWith(bytes, 'f2fs', readF2fsIdentity(raw), await orReason(() => readUsed(bytes, raw)));
  },
};

/** The used extents, or the reason why every byte must count as used. */
async function readUsed(bytes: ByteReader, raw: Buffer): Promise<Extent[] | string> {
  const distrust = findDistrust(raw, await bytes.read(blockBytes + superblockAtBytes, superblockBytes));
  if (distrust !== null) return distrust;
  const geometry = readGeometry(raw, bytes.sizeBytes);
  if (typeof geometry === 'string') return geometry;
  const checkpoint = await readCheckpoint(bytes, geometry);
  const dirt = findDirt(checkpoint);
  if (dirt !== null) return dirt;
  if (await hasLaterNodes(bytes, geometry, checkpoint))
    return 'files were synced after its last checkpoint (not unmounted cleanly)';
  const blocks = await readUsedBlocks(bytes, geometry, checkpoint);
  const endBytes = (geometry.mainBlock + geometry.mainSegments * segmentBlocks) * blockBytes;
  return mergeExtents([...blocks, { startBytes: endBytes, lengthBytes: bytes.sizeBytes - endBytes }]);
}
