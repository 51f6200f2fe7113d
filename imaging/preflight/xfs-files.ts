// Files of an unmounted XFS, read by our own reader of its inodes and directories: read-only, and in whatever the bytes come from.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { readXfsDirectory } from '../fs/xfs-directory.ts';
import { type XfsInode, XfsVolume } from '../fs/xfs-inode.ts';
import type { FileContent, WantedFiles } from './file-content.ts';
import { readTree } from './file-tree.ts';

/** @throws file-system-corrupt, source-read, source-vanished, cancelled */
export async function readXfsFiles(bytes: ByteReader, wanted: WantedFiles): Promise<FileContent> {
  const volume = await XfsVolume.open(bytes);
  const tree = {
    rootInode: volume.rootInode,
    readInode: (number: bigint) => volume.readInode(number),
    readNames: (inode: XfsInode) => readXfsDirectory(volume, inode),
    readHead: (inode: XfsInode, maxBytes: number) => volume.readHead(inode, maxBytes),
  };
  return await readTree(tree, wanted);
}
