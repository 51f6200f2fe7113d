// The reader of XFS: what no free-space tree holds is used, when every check says that the trees can be trusted.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type Extent, mergeExtents } from '../extent.ts';
import { answerWith, corrupt, orReason } from './distrust.ts';
import type { FileSystemReader } from './file-system-reader.ts';
import { readUsedBlocks } from './xfs-free-space.ts';
import { isLogClean } from './xfs-log.ts';
import {
  findDistrust,
  isXfsSuperblock,
  readGeometry,
  readSectorBytes,
  readXfsIdentity,
  superblockBytes,
  type XfsGeometry,
} from './xfs-superblock.ts';

export const xfsReader: FileSystemReader = {
  name: 'xfs',
  async readMap(bytes) {
    if (bytes.sizeBytes < superblockBytes) return null;
    const raw = await bytes.read(0, superblockBytes);
    if (!isXfsSuperblock(raw)) return null;
    return answerWith(bytes, 'xfs', readXfsIdentity(raw), await orReason(() => readUsed(bytes, raw)));
  },
};

/** The used extents, or the reason why every byte must count as used. */
async function readUsed(bytes: ByteReader, raw: Buffer): Promise<Extent[] | string> {
  const sectorBytes = readSectorBytes(raw);
  if (sectorBytes > bytes.sizeBytes) return 'it is larger than its partition';
  const sector = sectorBytes > raw.length ? await bytes.read(0, sectorBytes) : raw;
  const distrust = findDistrust(sector);
  if (distrust !== null) return distrust;
  const geometry = readGeometry(sector, bytes.sizeBytes);
  if (typeof geometry === 'string') return geometry;
  if (!(await isLogClean(bytes, geometry))) return 'its log has not been replayed (not unmounted cleanly)';
  const blocks = await readUsedBlocks(bytes, geometry);
  if (!holdsLog(blocks, geometry)) throw corrupt('its log lies in free space');
  const endBytes = geometry.blockCount * geometry.blockBytes;
  return mergeExtents([...blocks, { startBytes: endBytes, lengthBytes: bytes.sizeBytes - endBytes }]);
}

function holdsLog(used: readonly Extent[], { log, blockBytes }: XfsGeometry): boolean {
  const [from, to] = [log.firstBlock * blockBytes, (log.firstBlock + log.blockCount) * blockBytes];
  return used.some(({ startBytes, lengthBytes }) => startBytes <= from && startBytes + lengthBytes >= to);
}
