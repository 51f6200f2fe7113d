// Inodes, directories and the heads of files in the subvolumes of an unmounted Btrfs, for those who look for single files. Its log is not replayed.
// Layout: Linux include/uapi/linux/btrfs_tree.h (struct btrfs_inode_item, btrfs_dir_item, btrfs_root_ref).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { readContent } from './btrfs-content.ts';
import { type BtrfsItem, type BtrfsItemRange, findItem, readItems } from './btrfs-items.ts';
import {
  type BtrfsRoot,
  isBtrfsSuperblock,
  isSubvolume,
  superblockAtBytes,
  superblockBytes,
  topSubvolume,
} from './btrfs-superblock.ts';
import type { BtrfsVolume } from './btrfs-tree.ts';
import { findBtrfsTree, openBtrfs } from './btrfs-volume.ts';
import { corrupt } from './distrust.ts';

/** An inode of a subvolume. `namedIn` is the subvolume with the name that leads to the first directory of another one. */
export type BtrfsPlace = { readonly subvolume: bigint; readonly inode: bigint; readonly namedIn?: bigint };

export type BtrfsInode = {
  readonly place: BtrfsPlace;
  readonly kind: 'file' | 'directory' | 'other';
  readonly sizeBytes: number;
};

const itemTypes = { inode: 1, hashedName: 84, name: 96, content: 108, root: 132, reference: 156 } as const;
const [inodeItemBytes, nameHeadBytes] = [160, 30];
const firstDirectory = 256n;
/** What a hostile file system can make us do; no directory that is wanted has this many names. */
const [maxNames, maxReadBytes] = [20_000, 32 * 2 ** 20];

export class BtrfsFiles {
  readonly #volume: BtrfsVolume;
  readonly #roots = new Map<bigint, BtrfsRoot>();

  private constructor(volume: BtrfsVolume) {
    this.#volume = volume;
  }

  /** @throws file-system-corrupt when it is no Btrfs that can be trusted and read; so do all that read it. source-read, source-vanished */
  static async open(bytes: ByteReader): Promise<BtrfsFiles> {
    const isLong = bytes.sizeBytes >= superblockAtBytes + superblockBytes;
    const raw = isLong ? await bytes.read(superblockAtBytes, superblockBytes) : null;
    if (raw === null || !isBtrfsSuperblock(raw)) throw corrupt('it is no Btrfs');
    return new BtrfsFiles({ ...(await openBtrfs(limitReads(bytes), raw)), known: new Map() });
  }

  /** The first directory of the subvolume that is mounted where none is asked for. */
  async findDefault(): Promise<BtrfsPlace> {
    const { rootTree, rootDirectory } = this.#volume.superblock;
    // All names with one hash stand in one item; the kernel looks under the hash, and here all are looked at.
    const items = readItems(this.#volume, rootTree, { object: rootDirectory, type: itemTypes.hashedName });
    for await (const { data } of items) {
      const found = listNames(data).find(({ name }) => name === 'default');
      if (found?.type === itemTypes.root && isSubvolume(found.object)) return firstOf(found.object);
    }
    return firstOf(topSubvolume);
  }

  async readInode(place: BtrfsPlace): Promise<BtrfsInode> {
    // A snapshot has the names of the subvolumes in what it was taken of, and they lead nowhere.
    if (place.namedIn !== undefined && !(await this.#hasReference(place.namedIn, place.subvolume)))
      return { place, kind: 'other', sizeBytes: 0 };
    const wanted = { object: place.inode, type: itemTypes.inode };
    const item = await findItem(this.#volume, await this.#findRoot(place.subvolume), wanted);
    if (item === null || item.data.length !== inodeItemBytes) throw corrupt(`${nameOf(place)} is damaged`);
    const type = item.data.readUInt32LE(52) & 0xf000;
    return {
      place,
      kind: type === 0x8000 ? 'file' : type === 0x4000 ? 'directory' : 'other',
      sizeBytes: Number(item.data.readBigUInt64LE(16)),
    };
  }

  /** What the names in a directory lead to. */
  async readNames({ place, kind }: BtrfsInode): Promise<Map<string, BtrfsPlace>> {
    if (kind !== 'directory') throw corrupt(`${nameOf(place)} is no directory`);
    const names = new Map<string, BtrfsPlace>();
    for await (const { data } of this.#list(place, { type: itemTypes.name })) {
      for (const { name, object, type } of listNames(data)) {
        if (names.size >= maxNames) throw corrupt(`${nameOf(place)} holds too much to look into`);
        if (type === itemTypes.inode) names.set(name, { subvolume: place.subvolume, inode: object });
        else if (type === itemTypes.root && isSubvolume(object))
          names.set(name, { ...firstOf(object), namedIn: place.subvolume });
        else throw corrupt(`${nameOf(place)} is damaged`);
      }
    }
    return names;
  }

  /** The first bytes of a file, `maxBytes` at most. */
  async readHead({ place, sizeBytes }: BtrfsInode, maxBytes: number): Promise<Buffer> {
    const head = Buffer.alloc(Math.min(sizeBytes, maxBytes));
    if (head.length === 0) return head;
    for await (const item of this.#list(place, { type: itemTypes.content, to: BigInt(head.length - 1) })) {
      const content = await readContent(this.#volume, item, head.length - item.offset);
      content?.copy(head, item.offset);
    }
    return head;
  }

  async #hasReference(parent: bigint, child: bigint): Promise<boolean> {
    const wanted = { object: parent, type: itemTypes.reference, from: child, to: child };
    return (await findItem(this.#volume, this.#volume.superblock.rootTree, wanted)) !== null;
  }

  async *#list({ subvolume, inode }: BtrfsPlace, range: Omit<BtrfsItemRange, 'object'>): AsyncGenerator<BtrfsItem> {
    yield* readItems(this.#volume, await this.#findRoot(subvolume), { object: inode, ...range });
  }

  async #findRoot(subvolume: bigint): Promise<BtrfsRoot> {
    const root = this.#roots.get(subvolume) ?? (await findBtrfsTree(this.#volume, subvolume, 'a subvolume'));
    if (root === null) throw corrupt(`there is no subvolume ${subvolume}`);
    this.#roots.set(subvolume, root);
    return root;
  }
}

const firstOf = (subvolume: bigint): BtrfsPlace => ({ subvolume, inode: firstDirectory });
const nameOf = ({ subvolume, inode }: BtrfsPlace) => `inode ${inode} of subvolume ${subvolume}`;

type Name = { readonly name: string; readonly object: bigint; readonly type: number };

/** The names in one item: each is a key, 8 bytes, two lengths, a type, the name and, in other items, data. */
function listNames(data: Buffer): Name[] {
  const names: Name[] = [];
  for (let at = 0; at < data.length; ) {
    const isHead = at + nameHeadBytes <= data.length;
    const nameBytes = isHead ? data.readUInt16LE(at + 27) : 0;
    const nameAt = at + nameHeadBytes;
    const end = isHead ? nameAt + nameBytes + data.readUInt16LE(at + 25) : 0;
    if (nameBytes === 0 || end > data.length) throw corrupt('the names in a directory are damaged');
    const name = data.toString('utf8', nameAt, nameAt + nameBytes);
    names.push({ name, object: data.readBigUInt64LE(at), type: data.readUInt8(at + 8) });
    at = end;
  }
  return names;
}

function limitReads(bytes: ByteReader): ByteReader {
  let left = maxReadBytes;
  const { sizeBytes, sectorSizeBytes, label } = bytes;
  return {
    ...{ sizeBytes, sectorSizeBytes, label },
    read: async (offsetBytes, lengthBytes) => {
      left -= lengthBytes;
      if (left < 0) throw corrupt('it asks for too much to be looked into');
      return await bytes.read(offsetBytes, lengthBytes);
    },
  };
}
