// A disk that can be written without its source being written: reads come from an image, writes go to a sparse file of their own.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DeployError } from '../protocol/errors.ts';
import { type ByteReader, outOfRange } from './blockdev/byte-reader.ts';
import { writeAll } from './blockdev/whole-transfers.ts';
import { errnoOf } from './chunk/device-io.ts';

/** A write that does not fill its blocks brings the rest of them from below. */
const blockBytes = 4096;
/** Blocks per page of the bitmap: 128 MiB of disk. Pages are made when something in them is written. */
const pageBlocks = 32_768;

export type OverlayOptions = {
  /** Smaller or larger than what lies below; behind its end everything reads as zeros. */
  readonly sizeBytes?: number;
  /** Where the written blocks go, in a file without a name; `TMPDIR` unless told. */
  readonly scratchFolder?: string;
};

/** A writable view of `below`, which is only read. @throws store-io when the scratch file cannot be made */
export async function openOverlay(below: ByteReader, options: OverlayOptions = {}): Promise<Overlay> {
  const folder = options.scratchFolder ?? tmpdir();
  const file = path.join(folder, `deploy-os-overlay-${randomUUID()}`);
  try {
    const handle = await open(file, 'wx+', 0o600);
    // Without a name it is gone when we are, however we go.
    await unlink(file);
    return new Overlay(below, handle, options.sizeBytes ?? below.sizeBytes, folder);
  } catch (thrown) {
    throw scratchError(folder, thrown);
  }
}

export class Overlay implements ByteReader {
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly label: string;
  readonly #below: ByteReader;
  readonly #scratch: FileHandle;
  readonly #folder: string;
  readonly #written = new Map<number, Uint8Array>();
  /** Writes go one after the other: two of them may fill parts of the same block. */
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(below: ByteReader, scratch: FileHandle, sizeBytes: number, folder: string) {
    this.#below = below;
    this.#scratch = scratch;
    this.#folder = folder;
    this.sizeBytes = sizeBytes;
    this.sectorSizeBytes = below.sectorSizeBytes;
    this.label = `an overlay of ${below.label}`;
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Buffer> {
    this.#check(offsetBytes, lengthBytes);
    const parts: Buffer[] = [];
    for (const run of this.#runs(offsetBytes, lengthBytes)) {
      parts.push(await (run.written ? this.#readScratch(run.at, run.length) : this.#readBelow(run.at, run.length)));
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  /** @throws store-full, store-io (of the scratch file), source-read (outside the disk) */
  readonly write = (offsetBytes: number, bytes: Uint8Array): Promise<void> => {
    const writing = this.#lastWrite.then(() => this.#writeNow(offsetBytes, bytes));
    this.#lastWrite = writing.catch(() => {});
    return writing;
  };

  async close(): Promise<void> {
    await this.#lastWrite;
    await this.#scratch.close();
  }

  async #writeNow(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    this.#check(offsetBytes, bytes.length);
    if (bytes.length === 0) return;
    const end = offsetBytes + bytes.length;
    const from = offsetBytes - (offsetBytes % blockBytes);
    const to = Math.min(this.sizeBytes, Math.ceil(end / blockBytes) * blockBytes);
    const head = await this.read(from, offsetBytes - from);
    const tail = await this.read(end, to - end);
    const whole = head.length + tail.length === 0 ? bytes : Buffer.concat([head, bytes, tail]);
    try {
      await writeAll(this.#scratch, whole, from);
    } catch (thrown) {
      throw scratchError(this.#folder, thrown);
    }
    for (let block = from / blockBytes; block * blockBytes < to; block++) this.#mark(block);
  }

  /** The range in pieces that are written or not, in order. */
  *#runs(offsetBytes: number, lengthBytes: number): Generator<{ at: number; length: number; written: boolean }> {
    const end = offsetBytes + lengthBytes;
    for (let at = offsetBytes; at < end; ) {
      const written = this.#isWritten(Math.floor(at / blockBytes));
      let block = Math.floor(at / blockBytes) + 1;
      while (block * blockBytes < end && this.#isWritten(block) === written) block++;
      const stop = Math.min(end, block * blockBytes);
      yield { at, length: stop - at, written };
      at = stop;
    }
  }

  #isWritten(block: number): boolean {
    const page = this.#written.get(Math.floor(block / pageBlocks));
    const bit = block % pageBlocks;
    return page !== undefined && ((page[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  #mark(block: number): void {
    const number = Math.floor(block / pageBlocks);
    const page = this.#written.get(number) ?? new Uint8Array(pageBlocks / 8);
    this.#written.set(number, page);
    const bit = block % pageBlocks;
    page[bit >> 3] = (page[bit >> 3] ?? 0) | (1 << (bit & 7));
  }

  async #readBelow(at: number, length: number): Promise<Buffer> {
    const held = Math.max(0, Math.min(length, this.#below.sizeBytes - at));
    if (held === length) return await this.#below.read(at, length);
    const bytes = Buffer.alloc(length);
    if (held > 0) (await this.#below.read(at, held)).copy(bytes);
    return bytes;
  }

  async #readScratch(at: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length);
    for (let done = 0; done < length; ) {
      const { bytesRead } = await this.#scratch.read(bytes, done, length - done, at + done).catch((thrown: unknown) => {
        throw scratchError(this.#folder, thrown);
      });
      if (bytesRead === 0) throw new DeployError('store-io', `the scratch file in ${this.#folder} was cut short`);
      done += bytesRead;
    }
    return bytes;
  }

  #check(offsetBytes: number, lengthBytes: number): void {
    if (offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes + lengthBytes <= this.sizeBytes) return;
    throw outOfRange(this.label, offsetBytes, lengthBytes, this.sizeBytes);
  }
}

function scratchError(folder: string, thrown: unknown): DeployError {
  const full = errnoOf(thrown) === 'ENOSPC';
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new DeployError(full ? 'store-full' : 'store-io', `the scratch file in ${folder}: ${why}`, {
    cause: thrown,
    hint: 'Set TMPDIR to a folder with enough room for what will be changed.',
  });
}
