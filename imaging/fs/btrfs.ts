// The reader of Btrfs on one device: superblock → chunk tree → extent tree → every copy of every allocated extent.
// Layout: btrfs-dev-docs, On-disk Format (https://btrfs.readthedocs.io/en/latest/dev/On-disk-format.html).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type Extent, mergeExtents } from '../extent.ts';
import { BlockList } from './block-list.ts';
import {
  type BtrfsRoot,
  type BtrfsSuperblock,
  findBtrfsLog,
  isBtrfsSuperblock,
  mirrorsAtBytes,
  readBtrfsIdentity,
  reservedBytes,
  superblockAtBytes,
  superblockBytes,
} from './btrfs-superblock.ts';
import { type BtrfsLeaf, type BtrfsVolume, readLeaves } from './btrfs-tree.ts';
import { findBtrfsTree, openBtrfs } from './btrfs-volume.ts';
import { answerWith, corrupt, orReason } from './distrust.ts';
import type { FileSystemReader } from './file-system-reader.ts';

const itemTypes = { extent: 168, metadata: 169 } as const;
/** What else stands in an extent tree: references (tree, data, shared) and block groups. */
const otherExtentItems: readonly number[] = [176, 178, 182, 184, 192];
const extentTreeId = 2n;

export const btrfsReader: FileSystemReader = {
  name: 'btrfs',
  async readMap(bytes) {
    if (bytes.sizeBytes < superblockAtBytes + superblockBytes) return null;
    const raw = await bytes.read(superblockAtBytes, superblockBytes);
    if (!isBtrfsSuperblock(raw)) return null;
    return answerWith(bytes, 'btrfs', readBtrfsIdentity(raw), await orReason(() => readUsed(bytes, raw)));
  },
};

/** The used extents, or the reason why every byte must count as used. */
async function readUsed(bytes: ByteReader, raw: Buffer): Promise<Extent[] | string> {
  const volume = await openBtrfs(bytes, raw);
  const log = findBtrfsLog(raw);
  if (log !== null) return log;
  const root = await findBtrfsTree(volume, extentTreeId, extentTreeId);
  if (root === null) throw corrupt('it has no extent tree');
  return addEdges(bytes, volume.superblock, await readExtents(volume, root));
}

/** Every copy of everything allocated, checked against the number of used bytes in the superblock. */
async function readExtents(volume: BtrfsVolume, root: BtrfsRoot): Promise<Extent[]> {
  const { sectorBytes, usedBytes } = volume.superblock;
  const used = new BlockList(sectorBytes);
  let [endBytes, sumBytes] = [0, 0];
  for await (const leaf of readLeaves(volume, root)) {
    for (let item = 0; item < leaf.count; item++) {
      const lengthBytes = extentLength(volume.superblock, leaf, item);
      if (lengthBytes === 0) continue;
      const address = leaf.objectIdOf(item);
      if (address < endBytes || address % sectorBytes !== 0 || lengthBytes % sectorBytes !== 0)
        throw corrupt(`the extent at address ${address} is impossible`);
      const { startBytes, copiesAtBytes } = volume.chunks.find(address, lengthBytes);
      for (const copyAtBytes of copiesAtBytes) {
        const first = (copyAtBytes + address - startBytes) / sectorBytes;
        used.add(first, first + lengthBytes / sectorBytes);
      }
      endBytes = address + lengthBytes;
      sumBytes += lengthBytes;
    }
  }
  if (sumBytes !== usedBytes)
    throw corrupt(`its extents add up to ${sumBytes} bytes and its superblock says ${usedBytes}`);
  return used.toExtents();
}

/** 0 for what is no extent. */
function extentLength({ nodeBytes }: BtrfsSuperblock, leaf: BtrfsLeaf, item: number): number {
  const type = leaf.typeOf(item);
  if (type === itemTypes.metadata) return nodeBytes;
  if (otherExtentItems.includes(type)) return 0;
  if (type !== itemTypes.extent) throw corrupt(`its extent tree has items of the unknown type ${type}`);
  const lengthBytes = leaf.offsetOf(item);
  if (lengthBytes === 0) throw corrupt('an extent is empty');
  return lengthBytes;
}

/** Adds what no extent covers: the room for boot loaders, the superblock and its copies, and the bytes behind the end. */
function addEdges(bytes: ByteReader, { deviceBytes }: BtrfsSuperblock, used: readonly Extent[]): Extent[] {
  const mirrors = mirrorsAtBytes
    .filter((startBytes) => startBytes + superblockBytes <= bytes.sizeBytes)
    .map((startBytes) => ({ startBytes, lengthBytes: superblockBytes }));
  const rest = { startBytes: deviceBytes, lengthBytes: bytes.sizeBytes - deviceBytes };
  return mergeExtents([{ startBytes: 0, lengthBytes: reservedBytes }, ...mirrors, ...used, rest]);
}
