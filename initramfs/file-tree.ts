// What goes into the initramfs, as a list in memory: no root, no device nodes and no ownership are needed on the host.
import { readFile } from 'node:fs/promises';

export type FileEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly source: string | Uint8Array }
  | { readonly kind: 'symlink'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'character-device';
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

/** Paths are relative (`usr/bin/node`), usr-merged, and unique; the folders above an entry come by themselves. */
export class FileTree {
  readonly #entries = new Map<string, FileEntry>();

  /** Adds an entry; a path that is there already keeps what it has, so that the first to name a path decides. */
  add(entry: FileEntry): void {
    const path = mergeUsr(entry.path);
    if (!this.#entries.has(path)) this.#entries.set(path, { ...entry, path });
  }

  /** Adds a file; `source` is the path of a file on the host, or the bytes themselves. */
  addFile(path: string, source: string | Uint8Array, mode = 0o644): void {
    this.add({ kind: 'file', path, mode, source });
  }

  addText(path: string, text: string, mode = 0o644): void {
    this.addFile(path, Buffer.from(text), mode);
  }

  addSymlink(path: string, target: string): void {
    this.add({ kind: 'symlink', path, target });
  }

  addAll(other: FileTree): void {
    for (const entry of other.#entries.values()) this.add(entry);
  }

  has(path: string): boolean {
    return this.#entries.has(mergeUsr(path));
  }

  /** Every entry with the folders above it, in the order of their paths: a folder comes before what is in it. */
  entries(): FileEntry[] {
    const all = new Map(this.#entries);
    for (const path of this.#entries.keys()) {
      const parts = path.split('/');
      for (let depth = 1; depth < parts.length; depth++) {
        const folder = parts.slice(0, depth).join('/');
        if (!all.has(folder)) all.set(folder, { kind: 'directory', path: folder, mode: 0o755 });
      }
    }
    return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }
}

/** `bin/x` → `usr/bin/x`: packages still ship both, the root has one. */
function mergeUsr(path: string): string {
  return path.replace(/^(bin|sbin|lib|lib64)\//, 'usr/$1/');
}

/** The bytes of a file entry. */
export async function readSource(source: string | Uint8Array): Promise<Uint8Array> {
  return typeof source === 'string' ? await readFile(source) : source;
}
