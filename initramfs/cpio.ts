// Writes a file tree as the archive that the kernel unpacks: "newc" of
// https://docs.kernel.org/driver-api/early-userspace/buffer-format.html, with nothing in it that changes between builds.
import { type FileEntry, readSource } from './file-tree.ts';

const kindBits = { directory: 0o040000, file: 0o100000, symlink: 0o120000, 'character-device': 0o020000 } as const;
const trailer = 'TRAILER!!!';

/** The archive of these entries, owned by root, all of one time (seconds since 1970), padded to whole four bytes. */
export async function writeCpio(entries: readonly FileEntry[], mtimeSeconds: number): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let inode = 1;
  for (const entry of entries) {
    const data = await dataOf(entry);
    pieces.push(header(entry, inode++, data.length, mtimeSeconds), data, padding(data.length));
  }
  pieces.push(rawHeader(trailer, { nlink: 1 }));
  return Buffer.concat(pieces);
}

async function dataOf(entry: FileEntry): Promise<Uint8Array> {
  if (entry.kind === 'file') return await readSource(entry.source);
  return entry.kind === 'symlink' ? Buffer.from(entry.target) : Buffer.alloc(0);
}

function header(entry: FileEntry, inode: number, sizeBytes: number, mtime: number): Buffer {
  const permissions = entry.kind === 'symlink' ? 0o777 : entry.mode;
  const device = entry.kind === 'character-device' ? { major: entry.major, minor: entry.minor } : {};
  const nlink = entry.kind === 'directory' ? 2 : 1;
  return rawHeader(entry.path, { inode, mode: kindBits[entry.kind] | permissions, nlink, mtime, sizeBytes, ...device });
}

type Fields = {
  inode?: number;
  mode?: number;
  nlink: number;
  mtime?: number;
  sizeBytes?: number;
  major?: number;
  minor?: number;
};

function rawHeader(name: string, fields: Fields): Buffer {
  const nameBytes = Buffer.from(`${name}\0`);
  const { inode = 0, mode = 0, nlink, mtime = 0, sizeBytes = 0, major = 0, minor = 0 } = fields;
  // Order: inode, mode, uid, gid, nlink, mtime, size, device (2), device node (2), length of the name, checksum (unused).
  const numbers = [inode, mode, 0, 0, nlink, mtime, sizeBytes, 0, 0, major, minor, nameBytes.length, 0];
  const text = `070701${numbers.map((number) => number.toString(16).toUpperCase().padStart(8, '0')).join('')}`;
  return Buffer.concat([Buffer.from(text), nameBytes, padding(text.length + nameBytes.length)]);
}

function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
