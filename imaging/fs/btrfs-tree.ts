// The trees of Btrfs: nodes read through the chunks, their headers and checksums checked, their items handed out in order.
// Layout: Linux include/uapi/linux/btrfs_tree.h (struct btrfs_header, btrfs_item, btrfs_key_ptr).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { checksumHolds } from './btrfs-checksum.ts';
import type { BtrfsChunks } from './btrfs-chunks.ts';
import { type BtrfsRoot, type BtrfsSuperblock, isSubvolume } from './btrfs-superblock.ts';
import { corrupt } from './distrust.ts';

export type BtrfsVolume = {
  readonly bytes: ByteReader;
  readonly superblock: BtrfsSuperblock;
  readonly chunks: BtrfsChunks;
  /** Nodes with a right checksum by their places, for those who come back to them. */
  readonly known?: Map<number, Buffer>;
};

/** From `first` to `last`, both included: keys as they stand in a node. */
type BtrfsKeyRange = { readonly first: Buffer; readonly last: Buffer };

const headerBytes = 101;
const keyBytes = 17;
const [itemHeadBytes, pointerBytes] = [25, 33];
/** Siblings that are read at once; a node has up to 64 KiB. */
const batchNodes = 16;

type Node = { readonly raw: Buffer; readonly count: number; readonly level: number };

/** The items of one leaf. */
export class BtrfsLeaf {
  readonly count: number;
  readonly #raw: Buffer;

  constructor({ raw, count }: Node) {
    this.count = count;
    this.#raw = raw;
  }

  typeOf(item: number): number {
    return this.#raw.readUInt8(keyAt(item) + 8);
  }

  isWithin(item: number, { first, last }: BtrfsKeyRange): boolean {
    return compareKeys(this.#raw, keyAt(item), first, 0) >= 0 && compareKeys(this.#raw, keyAt(item), last, 0) <= 0;
  }

  /** The first part of the key, where it is an address. */
  objectIdOf(item: number): number {
    return readNumber(this.#raw, keyAt(item));
  }

  /** The last part of the key. */
  offsetOf(item: number): number {
    return readNumber(this.#raw, keyAt(item) + 9);
  }

  /** @throws DeployError file-system-corrupt when the item's data do not lie in the leaf */
  dataOf(item: number): Buffer {
    const at = keyAt(item) + keyBytes;
    const start = headerBytes + this.#raw.readUInt32LE(at);
    const end = start + this.#raw.readUInt32LE(at + 4);
    if (start < keyAt(this.count) || end > this.#raw.length) throw corrupt('an item lies outside its leaf');
    return this.#raw.subarray(start, end);
  }
}

/** Above 2^53 not exact, and then far outside everything it is compared with. */
function readNumber(raw: Buffer, at: number): number {
  return raw.readUInt32LE(at) + raw.readUInt32LE(at + 4) * 2 ** 32;
}

function keyAt(item: number): number {
  return headerBytes + item * itemHeadBytes;
}

/**
 * Every leaf of a tree, in order, or those that may hold keys of `range`. Each key must be greater than the one before it and each
 * node start with the key that its parent has for it, so no node is met twice and a loop of pointers ends.
 * @throws DeployError file-system-corrupt, source-read, source-vanished
 */
export async function* readLeaves(
  volume: BtrfsVolume,
  root: BtrfsRoot,
  range: BtrfsKeyRange | null = null,
): AsyncGenerator<BtrfsLeaf> {
  const top = await readNode(volume, root);
  if (top.count === 0 && top.level > 0) throw corrupt('a tree ends in the middle');
  yield* leavesBelow({ volume, owner: root.owner, range, order: new KeyOrder() }, top);
}

type LeafWalk = {
  readonly volume: BtrfsVolume;
  readonly owner: BtrfsRoot['owner'];
  readonly range: BtrfsKeyRange | null;
  readonly order: KeyOrder;
};

async function* leavesBelow(walk: LeafWalk, node: Node): AsyncGenerator<BtrfsLeaf> {
  const { volume, owner, order } = walk;
  if (node.level === 0) {
    for (let item = 0; item < node.count; item++) order.check(node.raw, keyAt(item));
    yield new BtrfsLeaf(node);
    return;
  }
  const wanted = listPointers(node, walk.range);
  for (let first = 0; first < wanted.length; first += batchNodes) {
    const places = wanted.slice(first, first + batchNodes);
    const children = await Promise.all(places.map((at) => readChild(volume, owner, node, at)));
    for (const child of children) yield* leavesBelow(walk, child);
  }
}

/** Where the pointers to the children that may hold keys of `range` stand; each has the first key below it. */
function listPointers({ raw, count }: Node, range: BtrfsKeyRange | null): number[] {
  const order = new KeyOrder();
  const pointers = Array.from({ length: count }, (_, i) => headerBytes + i * pointerBytes);
  for (const at of pointers) order.check(raw, at);
  if (range === null) return pointers;
  const { first, last } = range;
  return pointers.filter((at, i) => {
    const next = pointers[i + 1];
    return compareKeys(raw, at, last, 0) <= 0 && (next === undefined || compareKeys(raw, next, first, 0) > 0);
  });
}

async function readChild(volume: BtrfsVolume, owner: BtrfsRoot['owner'], parent: Node, at: number): Promise<Node> {
  const child = await readNode(volume, {
    address: readNumber(parent.raw, at + keyBytes),
    generation: parent.raw.readBigUInt64LE(at + keyBytes + 8),
    level: parent.level - 1,
    owner,
  });
  const key = parent.raw.subarray(at, at + keyBytes);
  if (child.count === 0 || !child.raw.subarray(headerBytes, headerBytes + keyBytes).equals(key))
    throw corrupt('a node does not start with the key that its parent has for it');
  return child;
}

async function readNode(volume: BtrfsVolume, expected: BtrfsRoot): Promise<Node> {
  const { superblock, chunks, known } = volume;
  const { address, level } = expected;
  const { nodeBytes, sectorBytes } = superblock;
  const chunk = chunks.find(address, nodeBytes);
  if (!chunk.holdsMetadata || address % sectorBytes !== 0) throw corrupt(`the node at address ${address} is misplaced`);
  const place = (chunk.copiesAtBytes[0] ?? 0) + address - chunk.startBytes;
  const raw = known?.get(place) ?? (await readWhole(volume, place));
  known?.set(place, raw);
  const same =
    raw.subarray(32, 48).equals(superblock.nodeUuid) &&
    raw.readBigUInt64LE(48) === BigInt(address) &&
    raw.readBigUInt64LE(80) === expected.generation &&
    isOwner(expected.owner, raw.readBigUInt64LE(88)) &&
    raw.readUInt8(100) === level;
  if (!same) throw corrupt(`the node at ${place} is not the one that belongs there`);
  const count = raw.readUInt32LE(96);
  if (headerBytes + count * (level === 0 ? itemHeadBytes : pointerBytes) > nodeBytes)
    throw corrupt(`the node at ${place} has too many items`);
  return { raw, count, level };
}

async function readWhole({ bytes, superblock }: BtrfsVolume, place: number): Promise<Buffer> {
  const raw = await bytes.read(place, superblock.nodeBytes);
  if (!checksumHolds(superblock.checksumType, raw)) throw corrupt(`the node at ${place} does not match its checksum`);
  return raw;
}

/** A snapshot shares nodes with what it was taken of, and they keep its number. */
function isOwner(expected: BtrfsRoot['owner'], owner: bigint): boolean {
  return expected === 'a subvolume' ? isSubvolume(owner) : expected === owner;
}

/** Holds keys to their order: object id, type, offset. */
class KeyOrder {
  #last: Buffer | null = null;
  #lastAt = 0;

  check(raw: Buffer, at: number): void {
    if (this.#last !== null && compareKeys(this.#last, this.#lastAt, raw, at) >= 0)
      throw corrupt('the keys of a tree are not in order');
    this.#last = raw;
    this.#lastAt = at;
  }
}

function compareKeys(a: Buffer, aAt: number, b: Buffer, bAt: number): number {
  return (
    a.readUInt32LE(aAt + 4) - b.readUInt32LE(bAt + 4) ||
    a.readUInt32LE(aAt) - b.readUInt32LE(bAt) ||
    a.readUInt8(aAt + 8) - b.readUInt8(bAt + 8) ||
    a.readUInt32LE(aAt + 13) - b.readUInt32LE(bAt + 13) ||
    a.readUInt32LE(aAt + 9) - b.readUInt32LE(bAt + 9)
  );
}
