// Files of an unmounted Btrfs on one device, read by our own reader of its subvolumes: read-only, and in whatever the bytes come from.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { BtrfsFiles, type BtrfsInode, type BtrfsPlace } from '../fs/btrfs-inode.ts';
import { topSubvolume } from '../fs/btrfs-superblock.ts';
import type { ReadFiles } from './file-content.ts';
import { type FileTree, readTree } from './file-tree.ts';
import { releases } from './linux.ts';

/** Subvolumes of the top one that systems are installed into: Ubuntu's and Arch's, Debian's, Fedora's. openSUSE sets the default. */
export const usualRoots = ['@', '@rootfs', 'root'];

/**
 * Reads below the root of the Linux in it: the default subvolume, or else a usual one, whichever first says which Linux it is; the default
 * subvolume if none does. What is answered throws file-system-corrupt, source-read, source-vanished, cancelled.
 */
export function openBtrfsFiles(bytes: ByteReader): ReadFiles {
  let root: Promise<FileTree<BtrfsInode, BtrfsPlace>> | null = null;
  return async (wanted) => {
    root ??= BtrfsFiles.open(bytes).then(findRoot);
    return await readTree(await root, wanted);
  };
}

async function findRoot(files: BtrfsFiles): Promise<FileTree<BtrfsInode, BtrfsPlace>> {
  const first = treeFrom(files, await files.findDefault());
  if (await isSystem(first)) return first;
  const top = await files.readNames(await files.readInode({ subvolume: topSubvolume, inode: 256n }));
  for (const name of usualRoots) {
    const place = top.get(name);
    // A directory is not mounted as a root.
    if (place?.namedIn === undefined) continue;
    const tree = treeFrom(files, place);
    if (await isSystem(tree)) return tree;
  }
  return first;
}

async function isSystem(tree: FileTree<BtrfsInode, BtrfsPlace>): Promise<boolean> {
  return (await readTree(tree, { files: releases, folders: [] })).files.size > 0;
}

function treeFrom(files: BtrfsFiles, rootInode: BtrfsPlace): FileTree<BtrfsInode, BtrfsPlace> {
  return {
    rootInode,
    readInode: (place) => files.readInode(place),
    readNames: (inode) => files.readNames(inode),
    readHead: (inode, maxBytes) => files.readHead(inode, maxBytes),
  };
}
