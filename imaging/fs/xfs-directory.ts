// The names in a directory of an unmounted XFS: those in the inode itself, or those in its data blocks, read one after the other. The index by hash is not needed for that.
// Layout: "XFS Algorithms & Data Structures", Directories; Linux fs/xfs/libxfs/xfs_da_format.h (xfs_dir2_sf_hdr, xfs_dir2_data_entry).
import { corrupt } from './distrust.ts';
import type { XfsInode, XfsVolume } from './xfs-inode.ts';
import { checksumOf } from './xfs-superblock.ts';

/** The index begins at this offset of every directory. */
const indexAtBytes = 32 * 2 ** 30;
const unusedTag = 0xffff;

/** Inode numbers by name. @throws file-system-corrupt, source-read, source-vanished */
export async function readXfsDirectory(volume: XfsVolume, inode: XfsInode): Promise<Map<string, bigint>> {
  if (inode.kind !== 'directory') throw corrupt(`inode ${inode.number} is no directory`);
  const local = volume.readLocal(inode);
  if (local !== null) return readShort(volume, inode, local);
  const names = new Map<string, bigint>();
  for (const block of await readDataBlocks(volume, inode)) readData(volume, inode, block, names);
  return names;
}

function readShort(volume: XfsVolume, { number }: XfsInode, content: Buffer): Map<string, bigint> {
  const names = new Map<string, bigint>();
  if (content.length < 6) throw damaged(number);
  const inodeBytes = content.readUInt8(1) > 0 ? 8 : 4;
  let at = 2 + inodeBytes;
  for (let left = content.readUInt8(0); left > 0; left--) {
    const nameBytes = at < content.length ? content.readUInt8(at) : 0;
    const numberAt = at + 3 + nameBytes + (volume.hasFileTypes ? 1 : 0);
    if (nameBytes === 0 || numberAt + inodeBytes > content.length) throw damaged(number);
    const target = inodeBytes === 8 ? content.readBigUInt64BE(numberAt) : BigInt(content.readUInt32BE(numberAt));
    names.set(content.toString('utf8', at + 3, at + 3 + nameBytes), target);
    at = numberAt + inodeBytes;
  }
  return names;
}

async function readDataBlocks(volume: XfsVolume, inode: XfsInode): Promise<Buffer[]> {
  const { directoryBlocks, geometry } = volume;
  const places = await volume.listBlocks(inode, indexAtBytes / geometry.blockBytes);
  const blocks: Buffer[] = [];
  for (const first of places.keys()) {
    if (first % directoryBlocks !== 0) continue;
    const parts: Buffer[] = [];
    for (let i = 0; i < directoryBlocks; i++) {
      const place = places.get(first + i);
      if (place === undefined) throw damaged(inode.number);
      parts.push(await volume.readBlock(place));
    }
    blocks.push(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts));
  }
  if (blocks.length * directoryBlocks !== places.size) throw damaged(inode.number);
  return blocks;
}

function readData(volume: XfsVolume, { number }: XfsInode, block: Buffer, names: Map<string, bigint>): void {
  const { checksums, metaUuid } = volume.geometry;
  const isOwn =
    !checksums ||
    (block.readBigUInt64BE(40) === number &&
      metaUuid.equals(block.subarray(24, 40)) &&
      checksumOf(block, 4) === block.readUInt32LE(4));
  const kind = ['XD2D', 'XD2B', 'XDD3', 'XDB3'].indexOf(block.toString('latin1', 0, 4));
  if (!isOwn || kind < 0 || kind > 1 !== checksums) throw damaged(number);
  // A directory of one block has its index at the end of it.
  const end = block.length - (kind % 2 === 0 ? 0 : 8 + block.readUInt32BE(block.length - 8) * 8);
  for (let at = checksums ? 64 : 16; at < end; ) {
    if (at + 16 > end) throw damaged(number);
    if (block.readUInt16BE(at) === unusedTag) {
      const lengthBytes = block.readUInt16BE(at + 2);
      if (lengthBytes === 0 || lengthBytes % 8 !== 0 || at + lengthBytes > end) throw damaged(number);
      at += lengthBytes;
      continue;
    }
    const nameBytes = block.readUInt8(at + 8);
    const lengthBytes = Math.ceil((11 + nameBytes + (volume.hasFileTypes ? 1 : 0)) / 8) * 8;
    if (nameBytes === 0 || at + lengthBytes > end || block.readUInt16BE(at + lengthBytes - 2) !== at)
      throw damaged(number);
    names.set(block.toString('utf8', at + 9, at + 9 + nameBytes), block.readBigUInt64BE(at));
    at += lengthBytes;
  }
}

const damaged = (number: bigint) => corrupt(`directory ${number} is damaged`);
