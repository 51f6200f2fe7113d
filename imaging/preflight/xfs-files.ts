// Files of an unmounted XFS, read by our own reader of its inodes and directories: read-only, and in whatever the bytes come from.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { readXfsDirectory } from '../fs/xfs-directory.ts';
import { type XfsInode, XfsVolume } from '../fs/xfs-inode.ts';
import { type FileContent, type FileEntry, plainName, type WantedFiles } from './file-content.ts';

/** As much of a file as is ever looked at, and as many files in one folder. */
const [maxHeadBytes, maxEntries] = [64 * 1024, 1000];

/** What is there of `files` and `folders`. Links are not followed. @throws file-system-corrupt, source-read, source-vanished, cancelled */
export async function readXfsFiles(bytes: ByteReader, { files, folders }: WantedFiles): Promise<FileContent> {
  const tree = new Tree(await XfsVolume.open(bytes));
  const found: { files: Map<string, string>; folders: Map<string, FileEntry[]> } = {
    files: new Map(),
    folders: new Map(),
  };
  for (const folder of folders) found.folders.set(folder, await tree.list(folder));
  for (const file of files) {
    const text = await tree.read(file);
    if (text !== '') found.files.set(file, text);
  }
  return found;
}

class Tree {
  readonly #volume: XfsVolume;
  /** Of folders by their paths; null where there is none. */
  readonly #names = new Map<string, ReadonlyMap<string, bigint> | null>();

  constructor(volume: XfsVolume) {
    this.#volume = volume;
  }

  async list(folder: string): Promise<FileEntry[]> {
    const entries: FileEntry[] = [];
    const names = [...((await this.#namesIn(folder)) ?? [])].filter(([name]) => plainName.test(name));
    for (const [name, number] of names.slice(0, maxEntries)) {
      const { kind, sizeBytes } = await this.#volume.readInode(number);
      if (kind === 'file') entries.push({ name, sizeBytes });
    }
    return entries;
  }

  async read(file: string): Promise<string> {
    const inode = await this.#find(file);
    return inode?.kind === 'file' ? (await this.#volume.readHead(inode, maxHeadBytes)).toString('utf8') : '';
  }

  async #find(path: string): Promise<XfsInode | null> {
    const cut = path.lastIndexOf('/');
    if (cut < 0) return await this.#volume.readInode(this.#volume.rootInode);
    const number = (await this.#namesIn(path.slice(0, cut)))?.get(path.slice(cut + 1));
    return number === undefined ? null : await this.#volume.readInode(number);
  }

  /** Only as deep as the path is long. */
  async #namesIn(folder: string): Promise<ReadonlyMap<string, bigint> | null> {
    const known = this.#names.get(folder);
    if (known !== undefined) return known;
    const inode = await this.#find(folder);
    // A root that is no directory is damage.
    const isThere = folder === '' || inode?.kind === 'directory';
    const names = inode !== null && isThere ? await readXfsDirectory(this.#volume, inode) : null;
    this.#names.set(folder, names);
    return names;
  }
}
