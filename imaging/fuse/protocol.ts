// The bytes that the kernel's FUSE driver and a file server exchange over /dev/fuse: requests in, answers out.
// Layout: linux/fuse.h (include/uapi/linux/fuse.h), version 7.31 of the protocol; all numbers in the machine's order, little-endian here.

/** `enum fuse_opcode`: those that are answered otherwise than with ENOSYS. */
export const opcodes = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
} as const;

/** Errors as the kernel wants them: negated in the answer. errno(3), Linux on x86 and arm64. */
export const errnos = {
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  EACCES: 13,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOSPC: 28,
  EROFS: 30,
  ENOSYS: 38,
} as const;

export type ErrnoName = keyof typeof errnos;

/** The most a READ may ask for and a WRITE may carry. */
export const maxTransferBytes = 2 ** 20;
const inHeaderBytes = 40;
const writeInBytes = 40;
/** The kernel refuses to hand a request to a smaller buffer (fuse_dev_do_read in fs/fuse/dev.c). */
export const requestBufferBytes = maxTransferBytes + 4096;
const outHeaderBytes = 16;

/** `struct fuse_in_header`, without who asks, and what follows it. */
export type Request = {
  readonly opcode: number;
  readonly unique: bigint;
  readonly nodeId: bigint;
  readonly body: Buffer;
};

/** What a request is answered with; null where the protocol wants no answer. */
export type Answer = { readonly error: ErrnoName } | { readonly data: Buffer } | null;

/** A body that is too short for its request, or a number outside every file. Answered with EINVAL. */
export class BadRequest extends Error {}

/** Cuts the bytes read from /dev/fuse into requests, wherever they were cut on the way. */
export class RequestCutter {
  #pieces: Buffer[] = [];
  #length = 0;

  /** @throws BadRequest when the bytes cannot be requests: nothing after them can be understood either */
  *take(piece: Buffer): Generator<Request> {
    this.#pieces.push(piece);
    this.#length += piece.length;
    while (this.#length >= inHeaderBytes) {
      const needed = this.#firstLength();
      if (this.#length < needed) return;
      const [first = Buffer.alloc(0), ...more] = this.#pieces;
      const all = more.length === 0 ? first : Buffer.concat(this.#pieces);
      const request = all.subarray(0, needed);
      this.#length = all.length - needed;
      this.#pieces = this.#length === 0 ? [] : [all.subarray(needed)];
      yield parseRequest(request);
    }
  }

  /** The length that the first request gives itself; its first bytes may lie in several pieces. */
  #firstLength(): number {
    while ((this.#pieces[0]?.length ?? 0) < inHeaderBytes) {
      this.#pieces.splice(0, 2, Buffer.concat(this.#pieces.slice(0, 2)));
    }
    const length = this.#pieces[0]?.readUInt32LE(0) ?? 0;
    if (length >= inHeaderBytes && length <= requestBufferBytes) return length;
    throw new BadRequest(`a request of ${length} bytes`);
  }
}

function parseRequest(bytes: Buffer): Request {
  return {
    opcode: bytes.readUInt32LE(4),
    unique: bytes.readBigUInt64LE(8),
    nodeId: bytes.readBigUInt64LE(16),
    body: bytes.subarray(inHeaderBytes),
  };
}

/** An answer as the parts of one write to /dev/fuse (`struct fuse_out_header` and its data). */
export function encodeAnswer(unique: bigint, answer: NonNullable<Answer>): Buffer[] {
  const data = 'data' in answer ? answer.data : Buffer.alloc(0);
  const header = Buffer.alloc(outHeaderBytes);
  header.writeUInt32LE(outHeaderBytes + data.length, 0);
  header.writeInt32LE('error' in answer ? -errnos[answer.error] : 0, 4);
  header.writeBigUInt64LE(unique, 8);
  return data.length === 0 ? [header] : [header, data];
}

/** What the kernel offers in FUSE_INIT. @throws BadRequest */
export function readInit(body: Buffer): { major: number; minor: number; maxReadAheadBytes: number; flags: number } {
  need(body, 16);
  return {
    major: body.readUInt32LE(0),
    minor: body.readUInt32LE(4),
    maxReadAheadBytes: body.readUInt32LE(8),
    flags: body.readUInt32LE(12),
  };
}

const initFlags = { asyncRead: 1 << 0, bigWrites: 1 << 5, asyncDirectIo: 1 << 15, parallelDirOps: 1 << 18 };
const maxPagesFlag = 1 << 22;

/** `struct fuse_init_out`: transfers of 1 MiB, several at a time, nothing that could change a file behind the kernel's back. */
export function encodeInit(offered: { maxReadAheadBytes: number; flags: number }): Buffer {
  const wanted = Object.values(initFlags).reduce((all, flag) => all | flag, maxPagesFlag);
  const out = Buffer.alloc(64);
  out.writeUInt32LE(7, 0);
  out.writeUInt32LE(31, 4);
  out.writeUInt32LE(Math.min(offered.maxReadAheadBytes, maxTransferBytes), 8);
  out.writeUInt32LE((offered.flags & wanted) >>> 0, 12);
  out.writeUInt16LE(16, 16);
  out.writeUInt16LE(12, 18);
  out.writeUInt32LE(maxTransferBytes, 20);
  out.writeUInt32LE(1, 24);
  out.writeUInt16LE(maxTransferBytes / 4096, 28);
  return out;
}

/** A name as LOOKUP gives it: up to its zero byte. @throws BadRequest */
export function readName(body: Buffer): string {
  const end = body.indexOf(0);
  if (end < 0) throw new BadRequest('a name without an end');
  return body.toString('utf8', 0, end);
}

/** `struct fuse_read_in`, for files and directories alike. @throws BadRequest */
export function readRange(body: Buffer): { offset: number; size: number } {
  need(body, 20);
  const size = body.readUInt32LE(16);
  if (size > maxTransferBytes) throw new BadRequest(`a transfer of ${size} bytes`);
  return { offset: offsetAt(body, 8), size };
}

/** `struct fuse_write_in` and its bytes. @throws BadRequest */
export function readWrite(body: Buffer): { offset: number; bytes: Buffer } {
  const { offset, size } = readRange(body);
  need(body, writeInBytes + size);
  return { offset, bytes: body.subarray(writeInBytes, writeInBytes + size) };
}

/** What a SETATTR would change (`fuse_setattr_in.valid`) and the size it asks for. @throws BadRequest */
export function readSetAttributes(body: Buffer): { valid: number; size: number } {
  need(body, 24);
  return { valid: body.readUInt32LE(0), size: offsetAt(body, 16) };
}

export const setAttributes = { size: 1 << 3 } as const;

/** Which request an INTERRUPT is about. @throws BadRequest */
export function readInterrupted(body: Buffer): bigint {
  need(body, 8);
  return body.readBigUInt64LE(0);
}

/** The flags of an OPEN. @throws BadRequest */
export function readOpenFlags(body: Buffer): number {
  need(body, 4);
  return body.readUInt32LE(0);
}

function need(body: Buffer, bytes: number): void {
  if (body.length < bytes) throw new BadRequest(`a body of ${body.length} bytes, needed are ${bytes}`);
}

function offsetAt(body: Buffer, at: number): number {
  const offset = Number(body.readBigUInt64LE(at));
  if (!Number.isSafeInteger(offset)) throw new BadRequest(`a place at ${offset}`);
  return offset;
}

export type Attributes = {
  readonly nodeId: bigint;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly links: number;
  readonly modifiedSeconds: number;
};

/** For how long the kernel may believe names and attributes: nothing changes as long as the view is mounted. */
const validSeconds = 86_400n;

function attributes({ nodeId, sizeBytes, mode, links, modifiedSeconds }: Attributes): Buffer {
  const out = Buffer.alloc(88);
  out.writeBigUInt64LE(nodeId, 0);
  out.writeBigUInt64LE(BigInt(sizeBytes), 8);
  out.writeBigUInt64LE(BigInt(Math.ceil(sizeBytes / 512)), 16);
  for (const at of [24, 32, 40]) out.writeBigUInt64LE(BigInt(modifiedSeconds), at);
  out.writeUInt32LE(mode, 60);
  out.writeUInt32LE(links, 64);
  out.writeUInt32LE(4096, 80);
  return out;
}

/** `struct fuse_entry_out`. */
export function encodeEntry(found: Attributes): Buffer {
  const out = Buffer.alloc(40);
  out.writeBigUInt64LE(found.nodeId, 0);
  out.writeBigUInt64LE(validSeconds, 16);
  out.writeBigUInt64LE(validSeconds, 24);
  return Buffer.concat([out, attributes(found)]);
}

/** `struct fuse_attr_out`. */
export function encodeAttributes(found: Attributes): Buffer {
  const out = Buffer.alloc(16);
  out.writeBigUInt64LE(validSeconds, 0);
  return Buffer.concat([out, attributes(found)]);
}

/** `struct fuse_open_out`: what the page cache has of the file stays true. */
const keepCache = 1 << 1;
/**
 * Nothing is asked when a file is closed (since Linux 5.18). Whoever serves a file, has it open, and starts a program would wait for ever: the
 * program begins by closing its copy of the descriptor, and whoever would answer waits for it to have begun.
 */
const noFlush = 1 << 5;

/** `flags` take the place of `keepCache`. */
export function encodeOpen(flags = keepCache): Buffer {
  const out = Buffer.alloc(16);
  out.writeUInt32LE(flags | noFlush, 8);
  return out;
}

/** `struct fuse_write_out`. */
export function encodeWritten(bytes: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeUInt32LE(bytes, 0);
  return out;
}

/** `struct fuse_statfs_out` of something full and read-only. */
export function encodeStatfs(sizeBytes: number, files: number): Buffer {
  const out = Buffer.alloc(80);
  out.writeBigUInt64LE(BigInt(Math.ceil(sizeBytes / 4096)), 0);
  out.writeBigUInt64LE(BigInt(files), 24);
  out.writeUInt32LE(4096, 40);
  out.writeUInt32LE(255, 44);
  out.writeUInt32LE(4096, 48);
  return out;
}

/** One `struct fuse_dirent`; `next` is the offset at which a reading goes on behind it. */
export function encodeDirectoryEntry(entry: { nodeId: bigint; next: number; name: string; mode: number }): Buffer {
  const name = Buffer.from(entry.name);
  const out = Buffer.alloc(Math.ceil((24 + name.length) / 8) * 8);
  out.writeBigUInt64LE(entry.nodeId, 0);
  out.writeBigUInt64LE(BigInt(entry.next), 8);
  out.writeUInt32LE(name.length, 16);
  out.writeUInt32LE(entry.mode >>> 12, 20);
  name.copy(out, 24);
  return out;
}
