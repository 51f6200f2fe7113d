// Answers the kernel's requests about a file tree. It knows nothing of /dev/fuse: bytes in, bytes out.
import { toDeployError } from '../../protocol/errors.ts';
import type { FileTree, TreeEntry } from './file-tree.ts';
import {
  type Answer,
  type Attributes,
  BadRequest,
  encodeAttributes,
  encodeDirectoryEntry,
  encodeEntry,
  encodeInit,
  encodeOpen,
  encodeStatfs,
  encodeWritten,
  opcodes,
  type Request,
  readInit,
  readName,
  readOpenFlags,
  readRange,
  readSetAttributes,
  readWrite,
  setAttributes,
} from './protocol.ts';

const rootId = 1n;
const modes = { folder: 0o040500, readOnly: 0o100400, writable: 0o100600 };
const accessMask = 0o3;

/** `onError` hears why a file could not be read or written: the kernel's callers only learn EIO. */
export type AnswerOptions = { readonly onError: (error: Error) => void };

export class TreeServer {
  readonly #tree: FileTree;
  readonly #onError: AnswerOptions['onError'];

  constructor(tree: FileTree, { onError }: AnswerOptions) {
    this.#tree = tree;
    this.#onError = onError;
  }

  /** The answer to one request. Never throws: what cannot be done is an error in the answer. */
  async answer(request: Request): Promise<Answer> {
    try {
      return await this.#dispatch(request);
    } catch (thrown) {
      if (thrown instanceof BadRequest) return { error: 'EINVAL' };
      this.#onError(toDeployError(thrown));
      return { error: 'EIO' };
    }
  }

  #dispatch({ opcode, nodeId, body }: Request): Answer | Promise<Answer> {
    switch (opcode) {
      case opcodes.init:
        return this.#init(body);
      case opcodes.lookup:
        return this.#lookup(nodeId, readName(body));
      case opcodes.getattr:
        return this.#withAttributes(nodeId, (found) => ({ data: encodeAttributes(found) }));
      case opcodes.setattr:
        return this.#setAttributes(nodeId, body);
      case opcodes.open:
        return this.#open(nodeId, readOpenFlags(body));
      case opcodes.read:
        return this.#read(nodeId, body);
      case opcodes.write:
        return this.#write(nodeId, body);
      case opcodes.statfs:
        return { data: encodeStatfs(this.#totalBytes(), this.#tree.entries.length) };
      case opcodes.opendir:
        return nodeId === rootId || this.#isFolder(nodeId) ? { data: encodeOpen() } : { error: 'ENOTDIR' };
      case opcodes.readdir:
        return this.#readFolder(nodeId, body);
      case opcodes.release:
      case opcodes.releasedir:
      case opcodes.fsync:
      case opcodes.fsyncdir:
      case opcodes.destroy:
        return { data: Buffer.alloc(0) };
      case opcodes.forget:
      case opcodes.batchForget:
      case opcodes.interrupt:
        return null;
      default:
        return { error: 'ENOSYS' };
    }
  }

  /** A kernel of another major version would ask again with ours (linux/fuse.h, "versioning"); there has never been one. */
  #init(body: Buffer): Answer {
    const offered = readInit(body);
    if (offered.major !== 7 || offered.minor < 31) return { error: 'EINVAL' };
    return { data: encodeInit(offered) };
  }

  #lookup(parent: bigint, name: string): Answer {
    const index = parent === rootId ? this.#tree.entries.findIndex((entry) => entry.name === name) : -1;
    if (index < 0) return { error: 'ENOENT' };
    return this.#withAttributes(idOf(index), (found) => ({ data: encodeEntry(found) }));
  }

  #setAttributes(nodeId: bigint, body: Buffer): Answer {
    const { valid, size } = readSetAttributes(body);
    return this.#withAttributes(nodeId, (found) => {
      const otherSize = (valid & setAttributes.size) !== 0 && size !== found.sizeBytes;
      if (otherSize || !this.#isWritable(nodeId)) return { error: this.#isWritable(nodeId) ? 'EINVAL' : 'EROFS' };
      // Times, owners and modes are not kept: tools set them in passing and do not look.
      return { data: encodeAttributes(found) };
    });
  }

  #open(nodeId: bigint, flags: number): Answer {
    const entry = this.#entry(nodeId);
    if (entry === undefined) return { error: nodeId === rootId ? 'EISDIR' : 'ENOENT' };
    if (!('file' in entry)) return { error: 'EISDIR' };
    if ((flags & accessMask) !== 0 && entry.file.write === undefined) return { error: 'EROFS' };
    return { data: encodeOpen() };
  }

  async #read(nodeId: bigint, body: Buffer): Promise<Answer> {
    const { offset, size } = readRange(body);
    const entry = this.#entry(nodeId);
    if (entry === undefined || !('file' in entry)) return { error: 'EISDIR' };
    const length = Math.max(0, Math.min(size, entry.file.sizeBytes - offset));
    return { data: length === 0 ? Buffer.alloc(0) : await entry.file.read(offset, length) };
  }

  async #write(nodeId: bigint, body: Buffer): Promise<Answer> {
    const { offset, bytes } = readWrite(body);
    const entry = this.#entry(nodeId);
    if (entry === undefined || !('file' in entry)) return { error: 'EISDIR' };
    if (entry.file.write === undefined) return { error: 'EROFS' };
    // A disk does not grow: what lies behind its end has no place.
    if (offset + bytes.length > entry.file.sizeBytes) return { error: 'ENOSPC' };
    await entry.file.write(offset, bytes);
    return { data: encodeWritten(bytes.length) };
  }

  #readFolder(nodeId: bigint, body: Buffer): Answer {
    const { offset, size } = readRange(body);
    const own = [
      { nodeId, name: '.', mode: modes.folder },
      { nodeId: rootId, name: '..', mode: modes.folder },
    ];
    const listed = this.#tree.entries.map((entry, i) => ({ nodeId: idOf(i), name: entry.name, mode: modeOf(entry) }));
    const all = nodeId === rootId ? [...own, ...listed] : own;
    const parts: Buffer[] = [];
    let length = 0;
    for (const [i, entry] of all.entries()) {
      if (i < offset) continue;
      const part = encodeDirectoryEntry({ ...entry, next: i + 1 });
      if (length + part.length > size) break;
      length += part.length;
      parts.push(part);
    }
    return { data: Buffer.concat(parts) };
  }

  #withAttributes(nodeId: bigint, work: (found: Attributes) => Answer): Answer {
    const { modifiedSeconds } = this.#tree;
    const base = { nodeId, modifiedSeconds };
    if (nodeId === rootId) return work({ ...base, sizeBytes: 0, mode: modes.folder, links: 2 });
    const entry = this.#entry(nodeId);
    if (entry === undefined) return { error: 'ENOENT' };
    const sizeBytes = 'file' in entry ? entry.file.sizeBytes : 0;
    return work({ ...base, sizeBytes, mode: modeOf(entry), links: 'file' in entry ? 1 : 2 });
  }

  #entry(nodeId: bigint): TreeEntry | undefined {
    return this.#tree.entries[Number(nodeId) - 2];
  }

  #isFolder(nodeId: bigint): boolean {
    const entry = this.#entry(nodeId);
    return entry !== undefined && 'folder' in entry;
  }

  #isWritable(nodeId: bigint): boolean {
    const entry = this.#entry(nodeId);
    return entry !== undefined && 'file' in entry && entry.file.write !== undefined;
  }

  #totalBytes(): number {
    return this.#tree.entries.reduce((sum, entry) => Math.max(sum, 'file' in entry ? entry.file.sizeBytes : 0), 0);
  }
}

/** The root is 1; the entries follow. */
function idOf(index: number): bigint {
  return BigInt(index + 2);
}

function modeOf(entry: TreeEntry): number {
  if (!('file' in entry)) return modes.folder;
  return entry.file.write === undefined ? modes.readOnly : modes.writable;
}
