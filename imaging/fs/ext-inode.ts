// Inodes and directories of an unmounted ext2, ext3 or ext4, for those who look for single files where debugfs cannot: in logical volumes of several pieces.
// Layout: Linux Documentation/filesystems/ext4/inodes.rst, ifork.rst (extents and block maps), directory.rst.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import { type ExtGroup, readGroups } from './ext-groups.ts';
import {
  type ExtGeometry,
  findDistrust,
  isExtSuperblock,
  readGeometry,
  superblockAtBytes,
  superblockBytes,
} from './ext-superblock.ts';

export type ExtInode = {
  readonly number: bigint;
  readonly kind: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
  readonly flags: number;
  /** The root of its extents, or the first of its blocks. */
  readonly map: Buffer;
};

type ExtentWalk = {
  /** Of the node; null is the root, which says it itself. */
  readonly depth: number | null;
  readonly endBlock: number;
  readonly blocks: Map<number, number>;
  readonly visits: { left: number };
};

const flags = { extents: 0x80000, inline: 0x10000000, encrypted: 0x800 } as const;
/** What a hostile inode can make us do. The kernel knows no deeper tree (EXT4_MAX_EXTENT_DEPTH). */
const [maxDepth, maxVisits, maxBlocks, maxFetchedBytes] = [5, 256, 4096, 32 * 2 ** 20];
/** Blocks with numbers of their own in an inode; behind them stand three that hold lists, lists of lists and so on. */
const directBlocks = 12;

export class ExtVolume {
  readonly rootInode = 2n;
  readonly #bytes: ByteReader;
  readonly #geometry: ExtGeometry;
  readonly #inodeBytes: number;
  readonly #groups: AsyncGenerator<ExtGroup[]>;
  readonly #tables: number[] = [];
  readonly #fetched = new Map<number, Buffer>();

  private constructor(bytes: ByteReader, raw: Buffer, geometry: ExtGeometry) {
    this.#bytes = bytes;
    this.#geometry = geometry;
    this.#inodeBytes = raw.readUInt32LE(0x4c) === 0 ? 128 : raw.readUInt16LE(0x58);
    this.#groups = readGroups(bytes, geometry);
    const isSane = this.#inodeBytes >= 128 && this.#inodeBytes <= geometry.blockBytes;
    if (!isSane || geometry.blockBytes % this.#inodeBytes !== 0) throw corrupt('its inode size is impossible');
  }

  /** @throws file-system-corrupt when it is no ext that can be trusted; so do all that read it. source-read, source-vanished */
  static async open(bytes: ByteReader): Promise<ExtVolume> {
    const isLong = bytes.sizeBytes >= superblockAtBytes + superblockBytes;
    const raw = isLong ? await bytes.read(superblockAtBytes, superblockBytes) : null;
    if (raw === null || !isExtSuperblock(raw)) throw corrupt('it is no ext');
    const distrust = findDistrust(raw);
    if (distrust !== null) throw corrupt(distrust);
    const geometry = readGeometry(raw, bytes.sizeBytes);
    if (typeof geometry === 'string') throw corrupt(geometry);
    return new ExtVolume(bytes, raw, geometry);
  }

  async readInode(number: bigint): Promise<ExtInode> {
    const { inodesPerGroup, groupCount, blockBytes } = this.#geometry;
    const index = Number(number) - 1;
    const group = Math.floor(index / inodesPerGroup);
    if (index < 0 || group >= groupCount) throw corrupt(`there is no inode ${number}`);
    const at = (index % inodesPerGroup) * this.#inodeBytes;
    const block = await this.#readBlock((await this.#findTable(group)) + Math.floor(at / blockBytes));
    const raw = block.subarray(at % blockBytes, (at % blockBytes) + this.#inodeBytes);
    const type = raw.readUInt16LE(0) & 0xf000;
    return {
      number,
      kind: type === 0x8000 ? 'file' : type === 0x4000 ? 'directory' : 'other',
      sizeBytes: raw.readUInt32LE(4) + (type === 0x8000 ? raw.readUInt32LE(0x6c) * 2 ** 32 : 0),
      flags: raw.readUInt32LE(0x20),
      map: raw.subarray(0x28, 0x28 + 60),
    };
  }

  /** The first bytes of a file, `maxBytes` at most. */
  async readHead(inode: ExtInode, maxBytes: number): Promise<Buffer> {
    const { blockBytes } = this.#geometry;
    const head = Buffer.alloc(Math.min(inode.sizeBytes, maxBytes));
    const blocks = await this.#listBlocks(inode, Math.ceil(head.length / blockBytes));
    for (const [at, block] of blocks) (await this.#readBlock(block)).copy(head, at * blockBytes);
    return head;
  }

  /** Inode numbers by name. The index of a large directory looks like unused entries. */
  async readNames(inode: ExtInode): Promise<Map<string, bigint>> {
    if (inode.kind !== 'directory') throw corrupt(`inode ${inode.number} is no directory`);
    const names = new Map<string, bigint>();
    const count = Math.ceil(inode.sizeBytes / this.#geometry.blockBytes);
    for (const place of (await this.#listBlocks(inode, count)).values()) {
      const block = await this.#readBlock(place);
      for (let at = 0; at < block.length; ) {
        if (at + 8 > block.length) throw corrupt(`directory ${inode.number} is damaged`);
        const [lengthBytes, nameBytes] = [readLength(block, at), block.readUInt8(at + 6)];
        const isSane = lengthBytes >= 8 && lengthBytes % 4 === 0 && at + lengthBytes <= block.length;
        if (!isSane || 8 + nameBytes > lengthBytes) throw corrupt(`directory ${inode.number} is damaged`);
        const target = block.readUInt32LE(at);
        if (target !== 0) names.set(block.toString('utf8', at + 8, at + 8 + nameBytes), BigInt(target));
        at += lengthBytes;
      }
    }
    return names;
  }

  /** The file's blocks below `endBlock` that are there, as pairs of the file's and the volume's number. */
  async #listBlocks(inode: ExtInode, endBlock: number): Promise<Map<number, number>> {
    const blocks = new Map<number, number>();
    if (inode.flags & (flags.inline | flags.encrypted))
      throw corrupt(`inode ${inode.number} has a content of a kind that is not known here`);
    if (endBlock > maxBlocks) throw corrupt(`inode ${inode.number} holds too much to look into`);
    if (inode.flags & flags.extents)
      await this.#addExtents(inode.map, { depth: null, endBlock, blocks, visits: { left: maxVisits } });
    else await this.#addMapped(inode.map, endBlock, blocks);
    return blocks;
  }

  async #addExtents(node: Buffer, walk: ExtentWalk): Promise<void> {
    const { depth, endBlock, blocks, visits } = walk;
    const [count, level] = [node.readUInt16LE(2), node.readUInt16LE(6)];
    const isSane = node.readUInt16LE(0) === 0xf30a && level <= maxDepth && level === (depth ?? level);
    if (!isSane || 12 + count * 12 > node.length || --visits.left < 0)
      throw corrupt('the extents of an inode are damaged');
    let end = 0;
    for (let at = 12; at < 12 + count * 12; at += 12) {
      const from = node.readUInt32LE(at);
      if (from < end) throw corrupt('the extents of an inode are damaged');
      if (from >= endBlock) return;
      end = from + 1;
      if (level > 0) {
        const child = node.readUInt32LE(at + 4) + node.readUInt16LE(at + 8) * 2 ** 32;
        await this.#addExtents(await this.#readBlock(child), { ...walk, depth: level - 1 });
        continue;
      }
      const length = node.readUInt16LE(at + 4);
      const first = node.readUInt32LE(at + 8) + node.readUInt16LE(at + 6) * 2 ** 32;
      // More means that they were only reserved, and are zeros.
      if (length > 32768) continue;
      for (let i = 0; i < length && from + i < endBlock; i++) blocks.set(from + i, first + i);
    }
  }

  async #addMapped(map: Buffer, endBlock: number, blocks: Map<number, number>): Promise<void> {
    const perBlock = this.#geometry.blockBytes / 4;
    for (let i = 0; i < endBlock; i++) {
      const block = await this.#lookUp(map, i, perBlock);
      if (block !== 0) blocks.set(i, block);
    }
  }

  /** 0 is a hole. */
  async #lookUp(map: Buffer, number: number, perBlock: number): Promise<number> {
    if (number < directBlocks) return map.readUInt32LE(number * 4);
    const single = number - directBlocks;
    if (single < perBlock) return await this.#readPointer(map.readUInt32LE(directBlocks * 4), single);
    const double = single - perBlock;
    if (double >= perBlock * perBlock) throw corrupt('an inode holds too much to look into');
    const list = await this.#readPointer(map.readUInt32LE(directBlocks * 4 + 4), Math.floor(double / perBlock));
    return await this.#readPointer(list, double % perBlock);
  }

  async #readPointer(block: number, index: number): Promise<number> {
    return block === 0 ? 0 : (await this.#readBlock(block)).readUInt32LE(index * 4);
  }

  async #findTable(group: number): Promise<number> {
    while (this.#tables.length <= group) {
      const { value, done } = await this.#groups.next();
      if (done === true) throw corrupt(`there is no group ${group}`);
      for (const { inodeTableBlock } of value) this.#tables.push(inodeTableBlock);
    }
    return this.#tables[group] ?? 0;
  }

  async #readBlock(block: number): Promise<Buffer> {
    const { blockBytes, blockCount } = this.#geometry;
    const known = this.#fetched.get(block);
    if (known !== undefined) return known;
    if (block === 0 || block >= blockCount) throw corrupt('something in it lies outside');
    if (this.#fetched.size * blockBytes >= maxFetchedBytes) throw corrupt('it asks for too much to be looked into');
    const bytes = await this.#bytes.read(block * blockBytes, blockBytes);
    this.#fetched.set(block, bytes);
    return bytes;
  }
}

/** Blocks of 64 KiB do not fit into the field: its low two bits are the high ones, and all ones or none is the whole block. */
function readLength(block: Buffer, at: number): number {
  const stored = block.readUInt16LE(at + 4);
  if (block.length < 65536) return stored;
  return stored === 0xffff || stored === 0 ? 65536 : (stored & 0xfffc) | ((stored & 3) << 16);
}
