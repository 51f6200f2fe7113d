import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { checksumOf } from '../../../imaging/fs/f2fs-superblock.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { expectSaneUnderChanges } from '../../fixtures/change-bytes.ts';
import { makeF2fs } from '../../fixtures/f2fs-cases.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const MiB = 1024 * 1024;
const blockBytes = 4096;
const packBytes = 512 * blockBytes;
/** Offsets in bytes of the file system, and in a checkpoint. */
const superblock = { at: 1024, copy: 1024 + blockBytes };
const checkpoint = { flags: 132, blocks: 136, warmNode: 40, warmOffset: 70, sumAt: 164 };

let plain = Buffer.alloc(0);
let summed = Buffer.alloc(0);
let empty = Buffer.alloc(0);

beforeAll(async () => {
  await withTempDirectory(async (folder) => {
    const make = async (flags: string, isEmpty: boolean) => {
      await makeF2fs({ sizeMiB: 80, make: flags, empty: isEmpty }, join(folder, 'fs.img'));
      return await readFile(join(folder, 'fs.img'));
    };
    plain = await make('-U 01234567-89ab-cdef-0123-456789abcdef', false);
    summed = await make('-O extra_attr,sb_checksum', false);
    empty = await make('-i', true);
  });
});

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

/** What is said of `bytes`, which must be raw and whole. */
async function expectRaw(bytes: Buffer): Promise<string> {
  const map = await readFileSystem(readerOf(bytes));
  expect(map).toMatchObject({
    fileSystem: 'f2fs',
    reader: 'raw',
    used: [{ startBytes: 0, lengthBytes: bytes.length }],
  });
  return map.notes.join();
}

/** Where the blocks are that hold a checkpoint: the first and the last of each pack. */
function checkpointsOf(bytes: Buffer): number[] {
  const first = bytes.readUInt32LE(superblock.at + 76) * blockBytes;
  return [first, first + packBytes].flatMap((at) => {
    const blocks = bytes.readUInt32LE(at + checkpoint.blocks);
    return blocks > 1 && blocks < 512 ? [at, at + (blocks - 1) * blockBytes] : [];
  });
}

/** Changes every checkpoint and makes its checksum right again. */
function inCheckpoints(copy: Buffer, change: (block: Buffer) => void): void {
  for (const at of checkpointsOf(copy)) {
    const block = copy.subarray(at, at + blockBytes);
    change(block);
    const sumAt = block.readUInt32LE(checkpoint.sumAt);
    const sum = checksumOf(block.subarray(0, sumAt));
    block.writeUInt32LE(sumAt < 4092 ? checksumOf(block.subarray(sumAt + 4), sum) : sum, sumAt);
  }
}

const withFlags = (bits: number) => (copy: Buffer) =>
  inCheckpoints(copy, (block) => block.writeUInt32LE(block.readUInt32LE(checkpoint.flags) | bits, checkpoint.flags));
const inBoth = (change: (copy: Buffer, at: number) => void) => (copy: Buffer) => {
  for (const at of [superblock.at, superblock.copy]) change(copy, at);
};

test('an F2FS has its name, UUID and label, and fewer used bytes than all', async () => {
  const map = await readFileSystem(readerOf(plain));
  expect(map).toMatchObject({
    fileSystem: 'f2fs',
    uuid: '01234567-89ab-cdef-0123-456789abcdef',
    label: 'tree',
    reader: 'f2fs',
    notes: [],
  });
  expect(map.used.length).toBeGreaterThan(3);
});

test('bytes behind the main area count as used', async () => {
  const map = await readFileSystem(readerOf(Buffer.concat([plain, Buffer.alloc(MiB + 512)])));
  expect(map.used.at(-1)).toEqual({ startBytes: plain.length, lengthBytes: MiB + 512 });
});

test('each block of the segment table is read from the copy that the checkpoint names', async () => {
  await withTempDirectory(async (folder) => {
    await makeF2fs({ sizeMiB: 400, make: '' }, join(folder, 'fs.img'));
    const bytes = await readFile(join(folder, 'fs.img'));
    const before = await readFileSystem(readerOf(bytes));
    const first = bytes.readUInt32LE(superblock.at + 80) * blockBytes;
    // The second and the third block move to the other copy, and nonsense takes their place.
    bytes.copy(bytes, first + packBytes + blockBytes, first + blockBytes, first + 3 * blockBytes);
    bytes.fill(0xa5, first + blockBytes, first + 3 * blockBytes);
    inCheckpoints(bytes, (block) => {
      block[192] = (block[192] as number) ^ 0b0110_0000;
    });
    expect(before.reader).toBe('f2fs');
    expect(await readFileSystem(readerOf(bytes))).toEqual(before);
  });
});

test('a damaged checkpoint leaves the other one, if that is whole', async () => {
  const [first = 0, , second = 0] = checkpointsOf(plain);
  for (const at of [first, second]) {
    const { reader, notes } = await readFileSystem(
      readerOf(changed(plain, (copy) => copy.writeUInt8(0xee, at + 3000))),
    );
    // The older pack may describe tables that are no longer there.
    expect(reader === 'f2fs' || notes.length === 1).toBe(true);
  }
});

describe('captured sector by sector, with the reason, is an F2FS', () => {
  test.for<[string, (copy: Buffer) => void, RegExp]>([
    [
      'with unknown features',
      inBoth((copy, at) => copy.writeUInt32LE(0x8000, at + 2180)),
      /features this reader does not know: 0x8000/,
    ],
    ['on a zoned device', inBoth((copy, at) => copy.writeUInt32LE(2, at + 2180)), /zoned device/],
    ['over several devices', inBoth((copy, at) => copy.write('/dev/sda', at + 2201)), /several devices/],
    ['with recorded errors', inBoth((copy, at) => copy.writeUInt8(1, at + 2794)), /errors are recorded/],
    ['whose superblocks differ', (copy) => copy.writeUInt32LE(999, superblock.copy + 96), /two superblocks contradict/],
    ['with blocks of 16 KiB', inBoth((copy, at) => copy.writeUInt32LE(14, at + 16)), /block or segment size/],
    ['whose areas overlap', inBoth((copy, at) => copy.writeUInt32LE(600, at + 84)), /areas do not follow/],
    ['with more segments than said', inBoth((copy, at) => copy.writeUInt32LE(3, at + 48)), /segment counts contradict/],
    ['with an endless checkpoint', inBoth((copy, at) => copy.writeUInt32LE(2 ** 31, at + 1664)), /impossible size/],
    [
      'without a whole checkpoint',
      (copy) => {
        for (const at of checkpointsOf(copy)) copy.writeUInt8(0xee, at + 3000);
      },
      /neither of its checkpoints/,
    ],
    [
      'that was not unmounted',
      (copy) => inCheckpoints(copy, (block) => block.writeUInt32LE(block.readUInt32LE(132) & ~1, 132)),
      /not unmounted cleanly/,
    ],
    ['with orphans', withFlags(0x2), /deleted files wait/],
    ['with an error', withFlags(0x8), /errors are recorded/],
    ['that wants fsck', withFlags(0x10), /errors are recorded/],
    ['whose quota wants fsck', withFlags(0x800), /quota files need a check/],
    ['without checkpoints', withFlags(0x1000), /switched off/],
    ['half resized', withFlags(0x4000), /resize was not completed/],
    ['with unknown marks', withFlags(0x10000), /marks this reader does not know: 0x10000/],
    ['with nodes synced later', (copy) => syncLater(copy), /synced after its last checkpoint/],
    [
      'whose warm nodes lie outside',
      (copy) => inCheckpoints(copy, (block) => block.writeUInt32LE(2 ** 31, checkpoint.warmNode)),
      /points outside/,
    ],
    [
      'whose bitmap has another size',
      (copy) => inCheckpoints(copy, (block) => block.writeUInt32LE(8, 156)),
      /does not fit its tables/,
    ],
    [
      'whose summaries lie elsewhere',
      (copy) => inCheckpoints(copy, (block) => block.writeUInt32LE(2, 140)),
      /contradicts itself/,
    ],
    [
      'with another count of nodes',
      (copy) => inCheckpoints(copy, (block) => block.writeUInt32LE(1, 144)),
      /valid blocks do not add up/,
    ],
    [
      'with fewer valid blocks',
      (copy) => inCheckpoints(copy, (block) => block.writeBigUInt64LE(3n, 16)),
      /valid blocks do not add up/,
    ],
    ['whose segment has another count', (copy) => flipSegment(copy), /segment 0 has/],
  ])('%s', async ([, change, reason]) => {
    expect(await expectRaw(changed(plain, change))).toMatch(reason);
  });

  test('whose superblock does not match its checksum', async () => {
    expect(await expectRaw(changed(summed, (copy) => copy.writeUInt8(1, superblock.at + 130)))).toMatch(
      /superblock does not match/,
    );
  });

  test('whose journal is overfull', async () => {
    const overfill = (copy: Buffer) => {
      for (const at of checkpointsOf(copy)) {
        const start = copy.readUInt32LE(at + 140);
        if (start < 16) copy.writeUInt16LE(7, at + start * blockBytes + 507);
      }
    };
    expect(await expectRaw(changed(empty, overfill))).toMatch(/journal in its checkpoint is damaged/);
  });

  test('that is cut short', async () => {
    expect(await expectRaw(plain.subarray(0, 30 * MiB))).toMatch(/larger than its partition/);
  });
});

/** Puts a node of the present version where the next one would go, as fsync does. */
function syncLater(copy: Buffer): void {
  const main = copy.readUInt32LE(superblock.at + 92);
  for (const at of checkpointsOf(copy)) {
    const block =
      main + copy.readUInt32LE(at + checkpoint.warmNode) * 512 + copy.readUInt16LE(at + checkpoint.warmOffset);
    copy.copy(copy, block * blockBytes + 4084, at, at + 8);
  }
}

/** Turns a bit of the first segment in both copies of the table. */
function flipSegment(copy: Buffer): void {
  const first = copy.readUInt32LE(superblock.at + 80) * blockBytes;
  for (const at of [first, first + packBytes]) copy[at + 20] = (copy[at + 20] ?? 0) ^ 1;
}

test('no damage to the metadata makes the reader throw, hang or answer with extents outside', async () => {
  const [first = 0, , second = 0] = checkpointsOf(empty);
  const sums = checkpointsOf(empty).map((at) => at + empty.readUInt32LE(at + checkpoint.sumAt));
  const table = empty.readUInt32LE(superblock.at + 80) * blockBytes;
  const anywhere = (start: number, length: number) => fc.nat(length - 1).map((offset) => start + offset);
  const places = [
    anywhere(superblock.at, 124),
    anywhere(first, 192),
    anywhere(second, 192),
    anywhere(first + blockBytes, 1014),
    anywhere(table, 512),
    anywhere(table + packBytes, 512),
  ];
  await expectSaneUnderChanges(empty, places);
  // With checksums made right again the checks behind them are reached; the place of the checksum stays what it is.
  const beside = places.map((place) =>
    place.filter((at) => (at - first) % packBytes < 164 || (at - first) % packBytes >= 168),
  );
  await expectSaneUnderChanges(empty, beside, (bytes) => {
    for (const at of sums) {
      const start = Math.floor(at / blockBytes) * blockBytes;
      const sumAt = at - start;
      const sum = checksumOf(bytes.subarray(start, at));
      bytes.writeUInt32LE(sumAt < 4092 ? checksumOf(bytes.subarray(at + 4, start + blockBytes), sum) : sum, at);
    }
    return sums;
  });
});
