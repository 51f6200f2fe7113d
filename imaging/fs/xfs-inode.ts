// Inodes of an unmounted XFS and where their content is, for those who look for single files. Its log is not replayed.
// Layout: "XFS Algorithms & Data Structures", On-disk Inode, Data Extents; Linux fs/xfs/libxfs/xfs_format.h (xfs_dinode, xfs_bmbt_rec, xfs_bmdr_block).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import {
  checksumOf,
  findDistrust,
  isXfsSuperblock,
  readGeometry,
  readSectorBytes,
  superblockBytes,
  type XfsGeometry,
} from './xfs-superblock.ts';

export type XfsInode = {
  readonly number: bigint;
  readonly kind: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
  readonly format: number;
  readonly extentCount: number;
  /** The content itself, its extents or the root of their tree. */
  readonly fork: Buffer;
};

/** Blocks from the file's block `from` on; null for zeros that were only reserved. */
type XfsExtent = { readonly from: number; readonly count: number; readonly block: number | null };

const formats = { local: 1, extents: 2, tree: 3 } as const;
const extentBytes = 16;
/** What a hostile inode can make us do. The kernel knows no higher tree (XFS_BM_MAXLEVELS); no file that is wanted has this many extents. */
const [maxLevels, maxTreeBlocks, maxExtents] = [9, 256, 20_000];
const [maxFetchedBytes, maxBlocks] = [32 * 2 ** 20, 4096];
const longFlag = 0x10;

export class XfsVolume {
  readonly geometry: XfsGeometry;
  readonly rootInode: bigint;
  /** Names in directories are followed by the type of what they name. */
  readonly hasFileTypes: boolean;
  readonly directoryBlocks: number;
  readonly #bytes: ByteReader;
  readonly #inodeBytes: number;
  readonly #inodeBits: bigint;
  readonly #groupBits: bigint;
  readonly #fetched = new Map<number, Buffer>();

  private constructor(bytes: ByteReader, raw: Buffer, geometry: XfsGeometry) {
    this.#bytes = bytes;
    this.geometry = geometry;
    this.rootInode = raw.readBigUInt64BE(56);
    this.hasFileTypes = geometry.checksums || (raw.readUInt32BE(200) & 0x200) !== 0;
    this.directoryBlocks = 2 ** Math.min(raw.readUInt8(192), 16);
    this.#inodeBytes = raw.readUInt16BE(104);
    this.#inodeBits = BigInt(raw.readUInt8(123));
    this.#groupBits = BigInt(raw.readUInt8(124));
    const sane = 2 ** raw.readUInt8(123) * this.#inodeBytes === geometry.blockBytes && this.#inodeBytes >= 256;
    if (!sane || this.#inodeBytes > 2048) throw corrupt('its inode size is impossible');
    if (this.directoryBlocks * geometry.blockBytes > 65536) throw corrupt('its directory blocks are impossible');
  }

  /** @throws file-system-corrupt when it is no XFS that can be trusted; so do all that read it. source-read, source-vanished */
  static async open(bytes: ByteReader): Promise<XfsVolume> {
    const head = bytes.sizeBytes < superblockBytes ? null : await bytes.read(0, superblockBytes);
    if (head === null || !isXfsSuperblock(head)) throw corrupt('it is no XFS');
    const raw = await bytes.read(0, Math.min(readSectorBytes(head), bytes.sizeBytes));
    const distrust = findDistrust(raw);
    if (distrust !== null) throw corrupt(distrust);
    const geometry = readGeometry(raw, bytes.sizeBytes);
    if (typeof geometry === 'string') throw corrupt(geometry);
    return new XfsVolume(bytes, raw, geometry);
  }

  async readInode(number: bigint): Promise<XfsInode> {
    const block = await this.readBlock(this.#placeOf(number >> this.#inodeBits));
    const index = Number(BigInt.asUintN(Number(this.#inodeBits), number));
    const raw = block.subarray(index * this.#inodeBytes, (index + 1) * this.#inodeBytes);
    const { checksums, metaUuid } = this.geometry;
    const version = raw.readUInt8(4);
    const isOwn = !checksums || (raw.readBigUInt64BE(152) === number && metaUuid.equals(raw.subarray(160, 176)));
    const isWhole = !checksums || checksumOf(raw, 100) === raw.readUInt32LE(100);
    const known = checksums ? version === 3 : version === 1 || version === 2;
    if (raw.toString('latin1', 0, 2) !== 'IN' || !known || !isOwn || !isWhole)
      throw corrupt(`inode ${number} is damaged`);
    const from = checksums ? 176 : 100;
    const attributesAt = raw.readUInt8(82) * 8;
    if (from + attributesAt > raw.length) throw corrupt(`inode ${number} is damaged`);
    const hasLongCount = checksums && (raw.readBigUInt64BE(120) & BigInt(longFlag)) !== 0n;
    const type = raw.readUInt16BE(2) & 0xf000;
    return {
      number,
      kind: type === 0x8000 ? 'file' : type === 0x4000 ? 'directory' : 'other',
      sizeBytes: Number(raw.readBigUInt64BE(56)),
      format: raw.readUInt8(5),
      extentCount: hasLongCount ? Number(raw.readBigUInt64BE(24)) : raw.readUInt32BE(76),
      fork: raw.subarray(from, attributesAt === 0 ? raw.length : from + attributesAt),
    };
  }

  /** The content that lies in the inode itself, or null. */
  readLocal({ number, format, fork, sizeBytes }: XfsInode): Buffer | null {
    if (format !== formats.local) return null;
    if (sizeBytes > fork.length) throw corrupt(`inode ${number} is damaged`);
    return fork.subarray(0, sizeBytes);
  }

  /** The file's blocks below `endBlock` that are there, as pairs of the file's and the volume's number. */
  async listBlocks(inode: XfsInode, endBlock: number): Promise<Map<number, number>> {
    const blocks = new Map<number, number>();
    for await (const { from, count, block } of this.#listExtents(inode)) {
      if (from >= endBlock) break;
      for (let i = 0; block !== null && i < count && from + i < endBlock; i++) {
        if (blocks.size >= maxBlocks) throw corrupt(`inode ${inode.number} holds too much to look into`);
        blocks.set(from + i, block + i);
      }
    }
    return blocks;
  }

  /** The first bytes of a file, `maxBytes` at most. */
  async readHead(inode: XfsInode, maxBytes: number): Promise<Buffer> {
    const local = this.readLocal(inode);
    if (local !== null) return local.subarray(0, maxBytes);
    const { blockBytes } = this.geometry;
    const head = Buffer.alloc(Math.min(inode.sizeBytes, maxBytes));
    const blocks = await this.listBlocks(inode, Math.ceil(head.length / blockBytes));
    for (const [at, block] of blocks) (await this.readBlock(block)).copy(head, at * blockBytes);
    return head;
  }

  async readBlock(block: number): Promise<Buffer> {
    const known = this.#fetched.get(block);
    if (known !== undefined) return known;
    const { blockBytes } = this.geometry;
    if (this.#fetched.size * blockBytes >= maxFetchedBytes) throw corrupt('it asks for too much to be looked into');
    const bytes = await this.#bytes.read(block * blockBytes, blockBytes);
    this.#fetched.set(block, bytes);
    return bytes;
  }

  /** In order. */
  async *#listExtents(inode: XfsInode): AsyncGenerator<XfsExtent> {
    let [end, left] = [0, maxExtents];
    for await (const records of this.#listRecords(inode)) {
      for (let at = 0; at < records.length; at += extentBytes) {
        const extent = this.#readExtent(records, at);
        if (extent.from < end || extent.count === 0 || --left < 0)
          throw corrupt(`the extents of inode ${inode.number} are damaged`);
        end = extent.from + extent.count;
        yield extent;
      }
    }
  }

  async *#listRecords(inode: XfsInode): AsyncGenerator<Buffer> {
    const { number, format, fork, extentCount } = inode;
    if (format === formats.extents) {
      if (extentCount * extentBytes > fork.length) throw corrupt(`the extents of inode ${number} are damaged`);
      yield fork.subarray(0, extentCount * extentBytes);
      return;
    }
    if (format !== formats.tree || fork.length < 4)
      throw corrupt(`inode ${number} has a content of a kind that is not known here`);
    const level = fork.readUInt16BE(0);
    if (level === 0 || level > maxLevels) throw corrupt(`the extents of inode ${number} are damaged`);
    const left = { blocks: maxTreeBlocks };
    for (const child of listChildren(fork, 4, fork.readUInt16BE(2))) yield* this.#walk(inode, child, level - 1, left);
  }

  async *#walk(inode: XfsInode, child: bigint, level: number, left: { blocks: number }): AsyncGenerator<Buffer> {
    const { checksums, metaUuid } = this.geometry;
    if (--left.blocks < 0) throw corrupt(`inode ${inode.number} has too many extents to look into`);
    const block = await this.readBlock(this.#placeOf(child));
    const isSane = block.toString('latin1', 0, 4) === (checksums ? 'BMA3' : 'BMAP') && block.readUInt16BE(4) === level;
    const isOwn =
      !checksums ||
      (block.readBigUInt64BE(56) === inode.number &&
        metaUuid.equals(block.subarray(40, 56)) &&
        checksumOf(block, 64) === block.readUInt32LE(64));
    const [headBytes, count] = [checksums ? 72 : 24, block.readUInt16BE(6)];
    if (!isSane || !isOwn || headBytes + count * extentBytes > block.length) {
      throw corrupt(`the extents of inode ${inode.number} are damaged`);
    }
    if (level === 0) yield block.subarray(headBytes, headBytes + count * extentBytes);
    else for (const next of listChildren(block, headBytes, count)) yield* this.#walk(inode, next, level - 1, left);
  }

  /** A flag, 54 bits of the file's block, 52 of the volume's, 21 of the length. */
  #readExtent(records: Buffer, at: number): XfsExtent {
    const [high, low] = [records.readBigUInt64BE(at), records.readBigUInt64BE(at + 8)];
    const from = Number(BigInt.asUintN(54, high >> 9n));
    const count = Number(BigInt.asUintN(21, low));
    const place = this.#placeOf((BigInt.asUintN(9, high) << 43n) | (low >> 21n), count);
    return { from, count, block: high >> 63n === 0n ? place : null };
  }

  /** A block number holds the group above the bits that a block within a group needs. */
  #placeOf(address: bigint, count = 1): number {
    const { groupBlocks, blockCount } = this.geometry;
    const within = Number(BigInt.asUintN(Number(this.#groupBits), address));
    const block = Number(address >> this.#groupBits) * groupBlocks + within;
    if (within + count > groupBlocks || block + count > blockCount) throw corrupt('something in it lies outside');
    return block;
  }
}

/** Behind room for as many keys as fit stand the numbers of the blocks below. */
function listChildren(node: Buffer, headBytes: number, count: number): bigint[] {
  const capacity = Math.floor((node.length - headBytes) / extentBytes);
  if (count > capacity) throw corrupt('the extents of an inode are damaged');
  return Array.from({ length: count }, (_, i) => node.readBigUInt64BE(headBytes + capacity * 8 + i * 8));
}
