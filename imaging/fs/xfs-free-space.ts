// The free space of XFS: each allocation group's header and its B+tree of free extents by block number; all else is used.
// Layout: "XFS Algorithms & Data Structures", AG Free Space Management; Linux fs/xfs/libxfs/xfs_format.h (xfs_agf, xfs_btree_block).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import { BlockList } from './block-list.ts';
import { corrupt } from './distrust.ts';
import { isBehind } from './xfs-external-log.ts';
import { checksumOf, type XfsGeometry } from './xfs-superblock.ts';

/** What the header of a group says of its free space. */
type Group = {
  readonly number: number;
  readonly startBytes: number;
  readonly blockCount: number;
  readonly rootBlock: number;
  readonly levels: number;
  readonly freeBlocks: number;
  readonly longestRun: number;
  /** Blocks that wait on the group's free list to become part of its trees. The reader counts them as used. */
  readonly listedBlocks: number;
  /** Blocks of the two free-space trees and of the reverse mapping tree, without their roots. */
  readonly treeBlocks: number;
};

type Node = { readonly block: Buffer; readonly left: number; readonly right: number; readonly count: number };

/** The kernel knows no higher tree (XFS_BTREE_MAXLEVELS). */
const maxLevels = 9;
const noBlock = 0xffffffff;
/** Leaves of one node are read together, up to this many bytes. */
const batchBytes = 256 * 1024;

/**
 * The used blocks of the whole file system as extents. The blocks on the free lists count as used: a few for each group.
 * Of a log elsewhere `logEnd` says where it ends: a group that was logged later does not belong to it.
 * @throws DeployError file-system-corrupt when a checksum, an address or a count does not agree, source-read, source-vanished
 */
export async function readUsedBlocks(bytes: ByteReader, geometry: XfsGeometry, logEnd: bigint): Promise<Extent[]> {
  const used = new BlockList(geometry.blockBytes);
  let free = 0;
  for (let number = 0; number < geometry.groupCount; number++) {
    const group = await readGroup(bytes, geometry, number, logEnd);
    await new FreeSpaceWalk(bytes, geometry, group, used).walk();
    free += group.freeBlocks + group.listedBlocks + (geometry.lazyCounters ? group.treeBlocks : 0);
  }
  // Without lazy counters no header says how many blocks its trees take; the superblock counts them as free all the same.
  const agree = geometry.lazyCounters ? free === geometry.freeBlockCount : free <= geometry.freeBlockCount;
  if (!agree) throw corrupt('its free blocks do not add up');
  return used.toExtents();
}

async function readGroup(bytes: ByteReader, geometry: XfsGeometry, number: number, logEnd: bigint): Promise<Group> {
  const { blockBytes, sectorBytes, groupBlocks, blockCount } = geometry;
  const startBytes = number * groupBlocks * blockBytes;
  const raw = await bytes.read(startBytes + sectorBytes, sectorBytes);
  const field = (at: number) => raw.readUInt32BE(at);
  if (raw.toString('latin1', 0, 4) !== 'XAGF' || field(4) !== 1 || field(8) !== number)
    throw corrupt(`the header of allocation group ${number} is damaged`);
  if (
    geometry.checksums &&
    (checksumOf(raw, 216) !== raw.readUInt32LE(216) || !geometry.metaUuid.equals(raw.subarray(64, 80)))
  )
    throw corrupt(`the header of allocation group ${number} does not match its checksum`);
  if (geometry.checksums && geometry.log.external && !isBehind(raw.readBigUInt64BE(208), logEnd))
    throw corrupt('its log, on another partition, is older than the file system');
  const group: Group = {
    number,
    startBytes,
    blockCount: field(12),
    rootBlock: field(16),
    levels: field(28),
    freeBlocks: field(52),
    longestRun: field(56),
    listedBlocks: field(48),
    treeBlocks: field(60),
  };
  if (
    group.blockCount !== Math.min(groupBlocks, blockCount - number * groupBlocks) ||
    group.levels < 1 ||
    group.levels > maxLevels
  )
    throw corrupt(`the header of allocation group ${number} is damaged`);
  return group;
}

/** One walk through the free extents of a group, in order. The tree is as deep as the header says and no deeper. */
class FreeSpaceWalk {
  readonly #bytes: ByteReader;
  readonly #geometry: XfsGeometry;
  readonly #group: Group;
  readonly #used: BlockList;
  /** Of every level: the block last seen, and the one that it says comes next. */
  readonly #neighbours: { seen: number; next: number | undefined }[];
  /** The end of the last free extent. */
  #at = 0;
  #freeBlocks = 0;
  #longestRun = 0;

  constructor(bytes: ByteReader, geometry: XfsGeometry, group: Group, used: BlockList) {
    this.#bytes = bytes;
    this.#geometry = geometry;
    this.#group = group;
    this.#used = used;
    this.#neighbours = Array.from({ length: group.levels }, () => ({ seen: noBlock, next: undefined }));
  }

  async walk(): Promise<void> {
    const { rootBlock, levels, blockCount, number, freeBlocks, longestRun } = this.#group;
    await this.#visit(rootBlock, await this.#readBlock(rootBlock), levels - 1);
    for (const { next } of this.#neighbours) if (next !== noBlock) throw this.#damaged(rootBlock);
    this.#addUsed(blockCount);
    if (this.#freeBlocks !== freeBlocks || this.#longestRun !== longestRun) {
      throw corrupt(
        `allocation group ${number} has ${this.#freeBlocks} free blocks in its tree and ${freeBlocks} in its header`,
      );
    }
  }

  /** Depth is bounded by the levels, breadth by the extents of the leaves, which only go up. */
  async #visit(at: number, block: Buffer, level: number): Promise<void> {
    const node = this.#check(at, block, level);
    if (level === 0) return this.#addLeaf(at, node);
    const { blockBytes } = this.#geometry;
    const capacity = Math.floor((blockBytes - this.#headerBytes) / 12);
    const pointers = Array.from({ length: node.count }, (_, i) =>
      block.readUInt32BE(this.#headerBytes + capacity * 8 + i * 4),
    );
    const together = Math.max(1, batchBytes / blockBytes);
    for (let i = 0; i < pointers.length; i += together) {
      const batch = pointers.slice(i, i + together);
      const blocks = await Promise.all(batch.map((pointer) => this.#readBlock(pointer)));
      for (const [j, pointer] of batch.entries()) await this.#visit(pointer, blocks[j] as Buffer, level - 1);
    }
  }

  /** Rejects, and never throws at once: reads of a batch that are under way would have nobody to hear of their failure. */
  async #readBlock(at: number): Promise<Buffer> {
    const { blockBytes } = this.#geometry;
    if (at === 0 || at >= this.#group.blockCount) throw this.#damaged(at);
    return await this.#bytes.read(this.#group.startBytes + at * blockBytes, blockBytes);
  }

  get #headerBytes(): number {
    return this.#geometry.checksums ? 56 : 16;
  }

  #check(at: number, block: Buffer, level: number): Node {
    const magic = this.#geometry.checksums ? 'AB3B' : 'ABTB';
    const node: Node = {
      block,
      left: block.readUInt32BE(8),
      right: block.readUInt32BE(12),
      count: block.readUInt16BE(6),
    };
    const capacity = Math.floor((block.length - this.#headerBytes) / (level === 0 ? 8 : 12));
    const isRoot = level === this.#group.levels - 1;
    const sane = block.toString('latin1', 0, 4) === magic && block.readUInt16BE(4) === level;
    const filled = node.count <= capacity && (node.count > 0 || (isRoot && level === 0));
    if (!sane || !filled || (this.#geometry.checksums && !this.#isOwn(at, block))) throw this.#damaged(at);
    const neighbour = this.#neighbours[level];
    if (neighbour === undefined || node.left !== neighbour.seen || (neighbour.next ?? at) !== at)
      throw this.#damaged(at);
    neighbour.seen = at;
    neighbour.next = node.right;
    return node;
  }

  /** Whether a block of version 5 matches its checksum and says that it lies where it was found. */
  #isOwn(at: number, block: Buffer): boolean {
    const { startBytes, number } = this.#group;
    const sector = BigInt((startBytes + at * this.#geometry.blockBytes) / 512);
    const ownUuid = this.#geometry.metaUuid.equals(block.subarray(32, 48));
    const ownPlace = block.readBigUInt64BE(16) === sector && block.readUInt32BE(48) === number;
    return ownUuid && ownPlace && checksumOf(block, 52) === block.readUInt32LE(52);
  }

  #addLeaf(at: number, { block, count }: Node): void {
    for (let i = 0; i < count; i++) {
      const start = block.readUInt32BE(this.#headerBytes + i * 8);
      const length = block.readUInt32BE(this.#headerBytes + i * 8 + 4);
      if (length === 0 || start < this.#firstFree || start + length > this.#group.blockCount) throw this.#damaged(at);
      this.#addUsed(start);
      this.#at = start + length;
      this.#freeBlocks += length;
      this.#longestRun = Math.max(this.#longestRun, length);
    }
  }

  /** Free extents never touch each other, nor the four headers of the group. */
  get #firstFree(): number {
    const { sectorBytes, blockBytes } = this.#geometry;
    return this.#at === 0 ? Math.ceil((4 * sectorBytes) / blockBytes) : this.#at + 1;
  }

  #addUsed(end: number): void {
    const first = this.#group.startBytes / this.#geometry.blockBytes + this.#at;
    this.#used.add(first, first + end - this.#at);
  }

  #damaged(at: number) {
    return corrupt(`block ${at} of the free-space tree of allocation group ${this.#group.number} is damaged`);
  }
}
