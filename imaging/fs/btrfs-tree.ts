// The trees of Btrfs: nodes read through the chunks, their headers and checksums checked, their items handed out in order.
// Layout: Linux include/uapi/linux/btrfs_tree.h (struct btrfs_header, btrfs_item, btrfs_key_ptr).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { checksumHolds } from './btrfs-checksum.ts';
import type { BtrfsChunks } from './btrfs-chunks.ts';
import type { BtrfsRoot, BtrfsSuperblock } from './btrfs-superblock.ts';
import { corrupt } from './distrust.ts';

export type BtrfsVolume = {
  readonly bytes: ByteReader;
  readonly superblock: BtrfsSuperblock;
  readonly chunks: BtrfsChunks;
};

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

  /** Exact: an object id may be one of those that count down from 2^64. */
  hasObjectId(item: number, objectId: bigint): boolean {
    return this.#raw.readBigUInt64LE(keyAt(item)) === objectId;
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
 * Every leaf of a tree, in order. Each key must be greater than the one before it and each node start with the key that
 * its parent has for it, so no node is met twice and a loop of pointers ends.
 * @throws DeployError file-system-corrupt, source-read, source-vanished
 */
export async function* readLeaves(volume: BtrfsVolume, root: BtrfsRoot): AsyncGenerator<BtrfsLeaf> {
  const top = await readNode(volume, root);
  const order = new KeyOrder();
  if (top.count === 0 && top.level > 0) throw corrupt('a tree ends in the middle');
  yield* leavesBelow(volume, root.owner, top, order);
}

async function* leavesBelow(
  volume: BtrfsVolume,
  owner: bigint,
  node: Node,
  order: KeyOrder,
): AsyncGenerator<BtrfsLeaf> {
  if (node.level === 0) {
    for (let item = 0; item < node.count; item++) order.check(node.raw, keyAt(item));
    yield new BtrfsLeaf(node);
    return;
  }
  for (let first = 0; first < node.count; first += batchNodes) {
    const places = Array.from({ length: Math.min(batchNodes, node.count - first) }, (_, i) => pointerAt(first + i));
    const children = await Promise.all(places.map((at) => readChild(volume, owner, node, at)));
    for (const child of children) yield* leavesBelow(volume, owner, child, order);
  }
}

function pointerAt(index: number): number {
  return headerBytes + index * pointerBytes;
}

async function readChild(volume: BtrfsVolume, owner: bigint, parent: Node, at: number): Promise<Node> {
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

async function readNode({ bytes, superblock, chunks }: BtrfsVolume, expected: BtrfsRoot): Promise<Node> {
  const { address, level } = expected;
  const { nodeBytes, sectorBytes } = superblock;
  const chunk = chunks.find(address, nodeBytes);
  if (!chunk.holdsMetadata || address % sectorBytes !== 0) throw corrupt(`the node at address ${address} is misplaced`);
  const place = (chunk.copiesAtBytes[0] ?? 0) + address - chunk.startBytes;
  const raw = await bytes.read(place, nodeBytes);
  if (!checksumHolds(superblock.checksumType, raw)) throw corrupt(`the node at ${place} does not match its checksum`);
  const same =
    raw.subarray(32, 48).equals(superblock.nodeUuid) &&
    raw.readBigUInt64LE(48) === BigInt(address) &&
    raw.readBigUInt64LE(80) === expected.generation &&
    raw.readBigUInt64LE(88) === expected.owner &&
    raw.readUInt8(100) === level;
  if (!same) throw corrupt(`the node at ${place} is not the one that belongs there`);
  const count = raw.readUInt32LE(96);
  if (headerBytes + count * (level === 0 ? itemHeadBytes : pointerBytes) > nodeBytes)
    throw corrupt(`the node at ${place} has too many items`);
  return { raw, count, level };
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
