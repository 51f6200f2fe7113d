// Single items of a tree of Btrfs by their keys: no more of it is read than leads to them.
// Layout: Linux include/uapi/linux/btrfs_tree.h (struct btrfs_disk_key).
import type { BtrfsRoot } from './btrfs-superblock.ts';
import { type BtrfsVolume, readLeaves } from './btrfs-tree.ts';

/** Everything of one object and one type, or what of it has an offset from `from` to `to`, both included. */
export type BtrfsItemRange = {
  readonly object: bigint;
  readonly type: number;
  readonly from?: bigint;
  readonly to?: bigint;
};

export type BtrfsItem = { readonly offset: number; readonly data: Buffer };

/** In order of their offsets. @throws file-system-corrupt, source-read, source-vanished */
export async function* readItems(
  volume: BtrfsVolume,
  root: BtrfsRoot,
  { object, type, from = 0n, to = 2n ** 64n - 1n }: BtrfsItemRange,
): AsyncGenerator<BtrfsItem> {
  const range = { first: keyOf(object, type, from), last: keyOf(object, type, to) };
  for await (const leaf of readLeaves(volume, root, range)) {
    for (let item = 0; item < leaf.count; item++) {
      if (leaf.isWithin(item, range)) yield { offset: leaf.offsetOf(item), data: leaf.dataOf(item) };
    }
  }
}

/** The first of them, or null. @throws as `readItems` */
export async function findItem(volume: BtrfsVolume, root: BtrfsRoot, range: BtrfsItemRange): Promise<BtrfsItem | null> {
  for await (const item of readItems(volume, root, range)) return item;
  return null;
}

function keyOf(object: bigint, type: number, offset: bigint): Buffer {
  const key = Buffer.alloc(17);
  key.writeBigUInt64LE(object, 0);
  key.writeUInt8(type, 8);
  key.writeBigUInt64LE(offset, 9);
  return key;
}
