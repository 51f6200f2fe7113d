// Opens a Btrfs on one device: superblock → system chunks → chunk tree, and from there the way to each of its trees.
// Layout: Linux include/uapi/linux/btrfs_tree.h (struct btrfs_root_item).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type BtrfsChunk, BtrfsChunks, parseChunk, readSystemChunks } from './btrfs-chunks.ts';
import { findItem } from './btrfs-items.ts';
import { type BtrfsRoot, findBtrfsDistrust, parseBtrfsSuperblock } from './btrfs-superblock.ts';
import { type BtrfsVolume, readLeaves } from './btrfs-tree.ts';
import { corrupt } from './distrust.ts';

const itemTypes = { root: 132, device: 216, chunk: 228 } as const;
const rootItemBytes = 239;

/**
 * The file system with the superblock `raw`, as it was at its last commit: a log tree is not looked at.
 * @throws file-system-corrupt when it cannot be trusted or read; source-read, source-vanished
 */
export async function openBtrfs(bytes: ByteReader, raw: Buffer): Promise<BtrfsVolume> {
  const distrust = findBtrfsDistrust(raw);
  if (distrust !== null) throw corrupt(distrust);
  const superblock = parseBtrfsSuperblock(raw, bytes.sizeBytes);
  if (typeof superblock === 'string') throw corrupt(superblock);
  const system = { bytes, superblock, chunks: new BtrfsChunks(readSystemChunks(superblock)) };
  return { ...system, chunks: await readChunkTree(system) };
}

async function readChunkTree(volume: BtrfsVolume): Promise<BtrfsChunks> {
  const { superblock } = volume;
  const chunks: BtrfsChunk[] = [];
  let devices = 0;
  for await (const leaf of readLeaves(volume, superblock.chunkRoot)) {
    for (let item = 0; item < leaf.count; item++) {
      const type = leaf.typeOf(item);
      if (type === itemTypes.device) devices++;
      else if (type === itemTypes.chunk) chunks.push(parseChunk(leaf.offsetOf(item), leaf.dataOf(item), superblock));
    }
  }
  if (devices !== 1) throw corrupt(`its chunk tree names ${devices} devices`);
  return new BtrfsChunks(chunks);
}

/** The top node of tree `id`, whose nodes are owned by `owner`, or null without such a tree. @throws as `openBtrfs` */
export async function findBtrfsTree(
  volume: BtrfsVolume,
  id: bigint,
  owner: BtrfsRoot['owner'],
): Promise<BtrfsRoot | null> {
  // The offset in its key tells of a snapshot when it was taken.
  const item = await findItem(volume, volume.superblock.rootTree, { object: id, type: itemTypes.root });
  if (item === null) return null;
  const { data } = item;
  const level = data.length < rootItemBytes ? 255 : data.readUInt8(238);
  if (level > 7) throw corrupt(`the root of tree ${id} is damaged`);
  return { address: Number(data.readBigUInt64LE(176)), level, generation: data.readBigUInt64LE(160), owner };
}
