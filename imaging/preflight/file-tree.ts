// Finds files by their paths in a file system of which only inodes and directories can be read.
import { type FileContent, type FileEntry, plainName, type WantedFiles } from './file-content.ts';

type TreeInode = { readonly kind: 'file' | 'directory' | 'other'; readonly sizeBytes: number };

/** `Place` is what names an inode: a number, or more where numbers mean nothing by themselves. */
export type FileTree<Inode extends TreeInode, Place = bigint> = {
  readonly rootInode: Place;
  readonly readInode: (place: Place) => Promise<Inode>;
  /** Throws where the inode is no directory. */
  readonly readNames: (inode: Inode) => Promise<ReadonlyMap<string, Place>>;
  readonly readHead: (inode: Inode, maxBytes: number) => Promise<Buffer>;
};

/** As much of a file as is ever looked at, and as many files in one folder. */
const [maxHeadBytes, maxEntries] = [64 * 1024, 1000];

/** What is there of `files` and `folders`. Links are not followed. @throws what the tree throws */
export async function readTree<Inode extends TreeInode, Place>(
  tree: FileTree<Inode, Place>,
  { files, folders }: WantedFiles,
): Promise<FileContent> {
  const walk = new Walk(tree);
  const found = { files: new Map<string, string>(), folders: new Map<string, FileEntry[]>() };
  for (const folder of folders) found.folders.set(folder, await walk.list(folder));
  for (const file of files) {
    const text = await walk.read(file);
    if (text !== '') found.files.set(file, text);
  }
  return found;
}

class Walk<Inode extends TreeInode, Place> {
  readonly #tree: FileTree<Inode, Place>;
  /** Of folders by their paths; null where there is none. */
  readonly #names = new Map<string, ReadonlyMap<string, Place> | null>();

  constructor(tree: FileTree<Inode, Place>) {
    this.#tree = tree;
  }

  async list(folder: string): Promise<FileEntry[]> {
    const entries: FileEntry[] = [];
    const names = [...((await this.#namesIn(folder)) ?? [])].filter(([name]) => plainName.test(name));
    for (const [name, place] of names.slice(0, maxEntries)) {
      const { kind, sizeBytes } = await this.#tree.readInode(place);
      if (kind === 'file') entries.push({ name, sizeBytes });
    }
    return entries;
  }

  async read(file: string): Promise<string> {
    const inode = await this.#find(file);
    return inode?.kind === 'file' ? (await this.#tree.readHead(inode, maxHeadBytes)).toString('utf8') : '';
  }

  async #find(path: string): Promise<Inode | null> {
    const cut = path.lastIndexOf('/');
    if (cut < 0) return await this.#tree.readInode(this.#tree.rootInode);
    const place = (await this.#namesIn(path.slice(0, cut)))?.get(path.slice(cut + 1));
    return place === undefined ? null : await this.#tree.readInode(place);
  }

  /** Only as deep as the path is long. */
  async #namesIn(folder: string): Promise<ReadonlyMap<string, Place> | null> {
    const known = this.#names.get(folder);
    if (known !== undefined) return known;
    const inode = await this.#find(folder);
    // A root that is no directory is damage.
    const isThere = folder === '' || inode?.kind === 'directory';
    const names = inode !== null && isThere ? await this.#tree.readNames(inode) : null;
    this.#names.set(folder, names);
    return names;
  }
}
