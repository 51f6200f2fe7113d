// The blocks of a partclone image, each put where it belongs, checksums compared on the way.
import { type Extent, totalBytes } from '../extent.ts';
import { xxhash64 } from '../fs/xxhash64.ts';
import { corrupt, crcOf, type PartcloneHeader, readPartcloneHeader, unsupported } from './partclone-header.ts';
import type { SequentialReader } from './sequential-reader.ts';

const bitmapMagic = Buffer.from('BiTmAgIc');
const bitmapAtOnceBytes = 65_536;
const readAtOnceBytes = 2 ** 20;
/** A strip whose checksum cannot be taken piece by piece is held whole. */
const maxStripBytes = 64 * 2 ** 20;

export type PartcloneContent = { readonly header: PartcloneHeader; readonly used: readonly Extent[] };

/** Takes the blocks, each at its place in the partition; `usedBytes` are all there are. */
export type BlockSink = (offsetBytes: number, bytes: Buffer, usedBytes: number) => Promise<void>;

/**
 * Reads the image from its first byte to its last and gives every block to `write`.
 * @throws import-corrupt with the place, import-unsupported
 */
export async function unpackPartclone(stream: SequentialReader, write: BlockSink): Promise<PartcloneContent> {
  const header = await readPartcloneHeader(stream);
  const used = await readBitmap(stream, header);
  await readBlocks(stream, header, used, write);
  if ((await stream.readSome(1)).length > 0) throw corrupt(stream.label, 'bytes follow its last block');
  return { header, used };
}

/** The blocks that the image holds as extents of the partition. Read in portions: a bitmap may be large, its extents are few. */
async function readBitmap(stream: SequentialReader, header: PartcloneHeader): Promise<Extent[]> {
  const { blocks, blockBytes, bitmap, version } = header;
  if (bitmap === 'none') return [{ startBytes: 0, lengthBytes: blocks * blockBytes }];
  const runs = new RunList(blockBytes);
  const perByte = bitmap === 'bits' ? 8 : 1;
  let crc = 0xffffffff;
  for (let block = 0; block < blocks; ) {
    const bytes = await stream.read(Math.min(bitmapAtOnceBytes, Math.ceil((blocks - block) / perByte)));
    crc = crcOf(bytes, crc);
    for (const byte of bytes) {
      if (perByte === 1) runs.add(block, byte === 1);
      else for (let bit = 0; bit < 8 && block + bit < blocks; bit++) runs.add(block + bit, ((byte >> bit) & 1) === 1);
      block += perByte;
    }
  }
  const guard = await stream.read(version === 1 ? bitmapMagic.length : 4);
  const whole = version === 1 ? guard.equals(bitmapMagic) : guard.readUInt32LE(0) === crc;
  if (!whole) throw corrupt(stream.label, 'its list of blocks does not match its checksum');
  return runs.finish(blocks);
}

class RunList {
  readonly #extents: Extent[] = [];
  readonly #blockBytes: number;
  #start = -1;

  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes;
  }

  add(block: number, used: boolean): void {
    if (used && this.#start < 0) this.#start = block;
    else if (!used && this.#start >= 0) {
      this.#extents.push({
        startBytes: this.#start * this.#blockBytes,
        lengthBytes: (block - this.#start) * this.#blockBytes,
      });
      this.#start = -1;
    }
  }

  finish(blocks: number): Extent[] {
    this.add(blocks, false);
    return this.#extents;
  }
}

/** Strips of blocks, each followed by its checksum; the last strip may be shorter. */
async function readBlocks(
  stream: SequentialReader,
  header: PartcloneHeader,
  used: readonly Extent[],
  write: BlockSink,
): Promise<void> {
  const stripBytes =
    header.checksum === 'none' ? Number.POSITIVE_INFINITY : header.blocksPerChecksum * header.blockBytes;
  const usedBytes = totalBytes(used);
  const sum = newSum(stream.label, header, stripBytes);
  let inStrip = 0;
  let at = 0;
  for (const { startBytes, lengthBytes } of used) {
    for (let done = 0; done < lengthBytes; ) {
      const portion = Math.min(readAtOnceBytes, lengthBytes - done, stripBytes - inStrip);
      const bytes = await stream.read(portion);
      sum.add(bytes);
      await write(startBytes + done, bytes, usedBytes);
      done += portion;
      inStrip += portion;
      at = startBytes + done;
      if (inStrip === stripBytes) {
        await sum.check(stream, at);
        inStrip = 0;
      }
    }
  }
  if (inStrip > 0) await sum.check(stream, at);
}

type Sum = { add(bytes: Buffer): void; check(stream: SequentialReader, at: number): Promise<void> };

function newSum(label: string, { checksum, reseed }: PartcloneHeader, stripBytes: number): Sum {
  if (checksum === 'none') return { add: () => {}, check: async () => {} };
  if (checksum === 'xxh64') return newXxHashSum(label, reseed, stripBytes);
  const firstByteOnly = checksum === 'crc32-first-byte';
  let crc = 0xffffffff;
  let first: number | undefined;
  return {
    add: (bytes) => {
      first ??= bytes[0];
      crc = crcOf(firstByteOnly ? Buffer.alloc(bytes.length, first) : bytes, crc);
    },
    check: async (stream, at) => {
      if ((await stream.read(4)).readUInt32LE(0) !== crc) throw mismatch(label, at);
      if (reseed) crc = 0xffffffff;
      first = undefined;
    },
  };
}

function newXxHashSum(label: string, reseed: boolean, stripBytes: number): Sum {
  if (!reseed || stripBytes > maxStripBytes) throw unsupported(label, 'has XXH64 checksums over more than is known');
  let parts: Buffer[] = [];
  return {
    add: (bytes) => parts.push(bytes),
    check: async (stream, at) => {
      if ((await stream.read(8)).readBigUInt64LE(0) !== xxhash64(Buffer.concat(parts))) throw mismatch(label, at);
      parts = [];
    },
  };
}

function mismatch(label: string, at: number) {
  return corrupt(label, `the blocks that end at byte ${at} of its partition do not match their checksum`);
}
