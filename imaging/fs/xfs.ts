// The reader of XFS: what no free-space tree holds is used, when every check says that the trees can be trusted.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type Extent, mergeExtents } from '../extent.ts';
import { answerWith, corrupt, orReason } from './distrust.ts';
import type { FileSystemReader } from './file-system-reader.ts';
import type { Siblings } from './siblings.ts';
import { readExternalLog } from './xfs-external-log.ts';
import { readUsedBlocks } from './xfs-free-space.ts';
import { findCleanEnd, internalLog } from './xfs-log.ts';
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
  async readMap(bytes, siblings) {
    if (bytes.sizeBytes < superblockBytes) return null;
    const raw = await bytes.read(0, superblockBytes);
    if (!isXfsSuperblock(raw)) return null;
    return answerWith(bytes, 'xfs', readXfsIdentity(raw), await orReason(() => readUsed(bytes, raw, siblings)));
  },
};

/** The used extents, or the reason why every byte must count as used. */
async function readUsed(bytes: ByteReader, raw: Buffer, siblings: Siblings | undefined): Promise<Extent[] | string> {
  const sectorBytes = readSectorBytes(raw);
  if (sectorBytes > bytes.sizeBytes) return 'it is larger than its partition';
  const sector = sectorBytes > raw.length ? await bytes.read(0, sectorBytes) : raw;
  const distrust = findDistrust(sector);
  if (distrust !== null) return distrust;
  const geometry = readGeometry(sector, bytes.sizeBytes);
  if (typeof geometry === 'string') return geometry;
  const logEnd = await readLogEnd(bytes, geometry, siblings);
  if (typeof logEnd === 'string') return logEnd;
  const blocks = await readUsedBlocks(bytes, geometry, logEnd);
  if (!geometry.log.external && !holdsLog(blocks, geometry)) throw corrupt('its log lies in free space');
  const endBytes = geometry.blockCount * geometry.blockBytes;
  return mergeExtents([...blocks, { startBytes: endBytes, lengthBytes: bytes.sizeBytes - endBytes }]);
}

/** Where the log ends, or why it does not say that all is well. */
async function readLogEnd(
  bytes: ByteReader,
  geometry: XfsGeometry,
  siblings: Siblings | undefined,
): Promise<bigint | string> {
  if (geometry.log.external) return await readExternalLog(geometry, siblings);
  const end = await findCleanEnd(internalLog(bytes, geometry));
  return end ?? 'its log has not been replayed (not unmounted cleanly)';
}

function holdsLog(used: readonly Extent[], { log, blockBytes }: XfsGeometry): boolean {
  const [from, to] = [log.firstBlock * blockBytes, (log.firstBlock + log.blockCount) * blockBytes];
  return used.some(({ startBytes, lengthBytes }) => startBytes <= from && startBytes + lengthBytes >= to);
}
