import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { windowOf } from '../../../imaging/blockdev/byte-reader.ts';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { makeContents, makeExt } from '../../fixtures/ext-cases.ts';
import { LayeredDisk } from '../../fixtures/fuzz/layered-disk.ts';
import { resealExt } from '../../fixtures/fuzz/reseal.ts';

const MiB = 1024 * 1024;
/** Offsets in the superblock, in bytes of the file system. */
const at = {
  freeBlocks: 1024 + 0xc,
  state: 1024 + 0x3a,
  incompat: 1024 + 0x60,
  roCompat: 1024 + 0x64,
  label: 1024 + 0x78,
};

let plain = Buffer.alloc(0);
let summed = Buffer.alloc(0);
let grouped = Buffer.alloc(0);

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ext-'));
  const contents = await makeContents();
  const make = async (flags: string) => {
    await makeExt({ name: '', sizeKiB: 8192, make: flags }, join(folder, 'fs.img'), contents);
    return await readFile(join(folder, 'fs.img'));
  };
  plain = await make('-t ext2 -b 1024 -L tree -U 01234567-89ab-cdef-0123-456789abcdef');
  summed = await make('-t ext4 -b 1024 -O ^has_journal,metadata_csum');
  grouped = await make('-t ext4 -b 1024 -O ^has_journal,^resize_inode -g 2048 -N 1024');
  await rm(folder, { recursive: true });
});

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

/** What is said of `bytes`, which must be raw and whole. */
async function expectRaw(bytes: Buffer): Promise<string> {
  const map = await readFileSystem(readerOf(bytes));
  expect(map).toMatchObject({ reader: 'raw', used: [{ startBytes: 0, lengthBytes: bytes.length }] });
  return map.notes.join();
}

test('an ext2 has its name, UUID and label, and fewer used bytes than all', async () => {
  const map = await readFileSystem(readerOf(plain));
  expect(map).toMatchObject({
    fileSystem: 'ext2',
    uuid: '01234567-89ab-cdef-0123-456789abcdef',
    label: 'tree',
    reader: 'ext',
    notes: [],
  });
  expect(map.used.at(0)?.startBytes).toBe(0);
  expect(map.used.length).toBeGreaterThan(10);
});

test('bytes behind the last block count as used', async () => {
  const map = await readFileSystem(readerOf(Buffer.concat([plain, Buffer.alloc(MiB + 512)])));
  expect(map.used.at(-1)).toEqual({ startBytes: plain.length, lengthBytes: MiB + 512 });
});

describe('an inode table', () => {
  /** Groups of 2 MiB; descriptors of 64 bytes in block 2. */
  const tableOf = (copy: Buffer, group: number) => copy.readUInt32LE(2048 + group * 64 + 8) * 1024;
  const blankOf = async (change: (copy: Buffer, group: number) => void) => {
    const bytes = changed(grouped, (copy) => {
      change(copy, 3);
      const disk = new LayeredDisk(copy, 512);
      resealExt(disk, 0);
      disk.readAt(0, copy.length).copy(copy);
    });
    const { reader, blank = [] } = await readFileSystem(readerOf(bytes));
    expect(reader).toBe('ext');
    const at = tableOf(bytes, 3);
    return blank.some(({ startBytes, lengthBytes }) => startBytes <= at && at < startBytes + lengthBytes);
  };
  const field = (group: number, offset: number) => 2048 + group * 64 + offset;

  test('in which no inode was ever made is blank, whether it was zeroed or not', async () => {
    expect(await blankOf(() => {})).toBe(true);
    expect(await blankOf((copy, group) => copy.writeUInt16LE(0x1, field(group, 0x12)))).toBe(true);
    expect(await blankOf((copy, group) => copy.writeUInt16LE(0x5, field(group, 0x12)))).toBe(true);
  });

  test.for<[string, (copy: Buffer, group: number) => void]>([
    ['the flag', (copy, group) => copy.writeUInt16LE(0x4, field(group, 0x12))],
    ['the free inodes', (copy, group) => copy.writeUInt16LE(7, field(group, 0xe))],
    ['the directories', (copy, group) => copy.writeUInt16LE(1, field(group, 0x10))],
    ['the unused inodes', (copy, group) => copy.writeUInt16LE(7, field(group, 0x1c))],
    [
      'another table in the same place',
      (copy, group) => copy.copy(copy, field(0, 8), field(group, 8), field(group, 12)),
    ],
  ])('is read when %s says otherwise', async ([, change]) => {
    expect(await blankOf(change)).toBe(false);
  });
});

describe('captured sector by sector, with the reason, is a file system', () => {
  test.for<[string, (copy: Buffer) => void, RegExp]>([
    ['that was not unmounted', (copy) => copy.writeUInt16LE(0, at.state), /not unmounted cleanly/],
    ['with recorded errors', (copy) => copy.writeUInt16LE(3, at.state), /errors are recorded/],
    [
      'with a journal to replay',
      (copy) => copy.writeUInt32LE(copy.readUInt32LE(at.incompat) | 4, at.incompat),
      /journal has not been replayed/,
    ],
    [
      'with an unknown incompatible feature',
      (copy) => copy.writeUInt32LE(0x40000002, at.incompat),
      /incompat 0x40000000/,
    ],
    ['with compression', (copy) => copy.writeUInt32LE(0x3, at.incompat), /incompat 0x1$|incompat 0x1:/],
    [
      'with an unknown read-only feature',
      (copy) => copy.writeUInt32LE(0x80000001, at.roCompat),
      /ro_compat 0x80000000/,
    ],
    ['that is an external journal', (copy) => copy.writeUInt32LE(0x8, at.incompat), /external journal/],
    [
      'with another count of free blocks',
      (copy) => copy.writeUInt32LE(copy.readUInt32LE(at.freeBlocks) - 1, at.freeBlocks),
      /do not add up/,
    ],
    ['with blocks of 2 TiB', (copy) => copy.writeUInt32LE(31, 1024 + 0x18), /impossible/],
    [
      'whose first block is another',
      (copy) => copy.writeUInt32LE(copy.readUInt32LE(1024 + 0x14) ^ 1, 1024 + 0x14),
      /first block is impossible/,
    ],
    ['with empty groups', (copy) => copy.writeUInt32LE(0, 1024 + 0x20), /impossible size/],
    ['larger than its partition', (copy) => copy.writeUInt32LE(0x7fffffff, 1024 + 4), /larger than its partition/],
    ['whose bitmap lies outside', (copy) => copy.writeUInt32LE(0xfffffff, 2048), /outside the file system/],
    ['with a changed bitmap', (copy) => flipBitmap(copy), /free clusters in its bitmap/],
  ])('%s', async ([, change, reason]) => {
    expect(await expectRaw(changed(plain, change))).toMatch(reason);
  });

  test('whose superblock does not match its checksum', async () => {
    expect(await expectRaw(changed(summed, (copy) => copy.write('x', at.label)))).toMatch(
      /superblock does not match its checksum/,
    );
  });

  test('whose group descriptor does not match its checksum', async () => {
    expect(await expectRaw(changed(summed, (copy) => copy.writeUInt16LE(7, 2048 + 0x10)))).toMatch(
      /descriptor of group 0 does not match/,
    );
  });

  test('whose bitmap does not match its checksum', async () => {
    expect(await expectRaw(changed(summed, flipBitmap))).toMatch(/bitmap of group 0 does not match/);
  });

  test('that is cut short', async () => {
    expect(await expectRaw(plain.subarray(0, 5 * MiB))).toMatch(/larger than its partition/);
  });
});

/** Turns one bit of group 0's block bitmap; its place stands in the first descriptor, after the superblock. */
function flipBitmap(copy: Buffer): void {
  const place = copy.readUInt32LE(2048) * 1024 + 500;
  copy[place] = (copy[place] ?? 0) ^ 0x10;
}

test('a second signature beside ext makes nobody guess', async () => {
  const both = changed(plain, (copy) => copy.write('XFSB', 0, 'latin1'));
  expect(await expectRaw(both)).toBe('signatures of ext2 and xfs are both there: captured sector by sector');
});

test('no damage to the metadata makes the reader throw, hang or answer with extents outside', async () => {
  const descriptors = fc.nat(1023).map((offset) => 2048 + offset);
  const superblock = fc.nat(1023).map((offset) => 1024 + offset);
  const changes = fc.array(fc.tuple(fc.oneof(superblock, descriptors), fc.nat(255)), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(fc.boolean(), changes, async (withSums, bytes) => {
      const copy = withSums ? summed : plain;
      const before = bytes.map(([offset]) => copy[offset] ?? 0);
      for (const [offset, value] of bytes) copy[offset] = value;
      try {
        const { used } = await readFileSystem(windowOf(readerOf(copy), 0, copy.length));
        let end = -1;
        for (const { startBytes, lengthBytes } of used) {
          expect(startBytes).toBeGreaterThan(end);
          expect(lengthBytes % 512).toBe(0);
          end = startBytes + lengthBytes;
        }
        expect(end).toBeLessThanOrEqual(copy.length);
      } finally {
        bytes.toReversed().forEach(([offset], i) => {
          copy[offset] = before.toReversed()[i] ?? 0;
        });
      }
    }),
    { numRuns: 1000 },
  );
});
