import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { mergeExtents } from '../../../imaging/extent.ts';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { changed, expectRaw, expectSane } from '../../fixtures/map-expectations.ts';
import { run } from '../../fixtures/run.ts';

const MiB = 1024 * 1024;
const clusterBytes = 512;
const endOfChain = 0xffffffff;
let plain = Buffer.alloc(0);
/** Where things lie, in bytes. */
let at = { fat: 0, heap: 0, root: 0, bitmap: 0, bitmapEntry: 0 };
let first = { root: 0, bitmap: 0 };

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'exfat-'));
  const filePath = join(folder, 'fs.img');
  await writeFile(filePath, '');
  await truncate(filePath, 6 * MiB);
  await run('mkfs.exfat', '-c', '512', '-b', '4K', '-L', 'LABEL', filePath);
  plain = await readFile(filePath);
  await rm(folder, { recursive: true });
  const heap = plain.readUInt32LE(88) * 512;
  first = { root: plain.readUInt32LE(96), bitmap: 2 };
  const place = (cluster: number) => heap + (cluster - 2) * clusterBytes;
  const entry = [0, 32, 64].find((offset) => plain[place(first.root) + offset] === 0x81) ?? 0;
  first.bitmap = plain.readUInt32LE(place(first.root) + entry + 20);
  at = {
    fat: plain.readUInt32LE(80) * 512,
    heap,
    root: place(first.root),
    bitmap: place(first.bitmap),
    bitmapEntry: place(first.root) + entry,
  };
});

/** A changed boot region with its checksum done anew. */
function changeBoot(copy: Buffer, change: (boot: Buffer) => void): void {
  change(copy);
  let sum = 0;
  for (let i = 0; i < 11 * 512; i++) {
    if (i !== 106 && i !== 107 && i !== 112) sum = (((sum & 1) << 31) | (sum >>> 1)) + (copy[i] ?? 0);
    sum >>>= 0;
  }
  for (let place = 11 * 512; place < 12 * 512; place += 4) copy.writeUInt32LE(sum, place);
}

const setLink = (copy: Buffer, cluster: number, next: number) => copy.writeUInt32LE(next, at.fat + cluster * 4);

test('an exFAT has its label and serial number, and fewer used bytes than all', async () => {
  const map = await readFileSystem(readerOf(plain));
  expect(map).toMatchObject({ fileSystem: 'exfat', label: 'LABEL', reader: 'exfat', notes: [] });
  expect(map.uuid).toMatch(/^[0-9A-F]{4}-[0-9A-F]{4}$/);
  expect(map.used[0]?.lengthBytes).toBeLessThan(plain.length);
});

test('its percentage of use does not matter', async () => {
  const { used } = await readFileSystem(readerOf(plain));
  const map = await readFileSystem(readerOf(changed(plain, (copy) => copy.writeUInt8(77, 112))));
  expect(map).toMatchObject({ reader: 'exfat', used });
});

test('bytes behind it count as used', async () => {
  const { used } = await readFileSystem(readerOf(Buffer.concat([plain, Buffer.alloc(MiB)])));
  const last = used.at(-1);
  expect((last?.startBytes ?? 0) + (last?.lengthBytes ?? 0)).toBe(plain.length + MiB);
});

test('a bitmap in pieces is read along its chain', async () => {
  const { used } = await readFileSystem(readerOf(plain));
  const moved = changed(plain, (copy) => {
    // The bitmap's second cluster goes to cluster 9000.
    const target = at.heap + (9000 - 2) * clusterBytes;
    const next = copy.readUInt32LE(at.fat + (first.bitmap + 1) * 4);
    const bit = at.bitmap + ((9000 - 2) >>> 3);
    copy.writeUInt8(copy.readUInt8(bit) | (1 << ((9000 - 2) & 7)), bit);
    copy.copy(copy, target, at.bitmap + clusterBytes, at.bitmap + 2 * clusterBytes);
    copy.fill(0xff, at.bitmap + clusterBytes, at.bitmap + 2 * clusterBytes);
    setLink(copy, first.bitmap, 9000);
    setLink(copy, 9000, next);
  });
  const piece = { startBytes: at.heap + (9000 - 2) * clusterBytes, lengthBytes: clusterBytes };
  expect((await readFileSystem(readerOf(moved))).used).toEqual(mergeExtents([...used, piece]));
});

describe('captured whole, with the reason, is one', () => {
  test.for<[string, (copy: Buffer) => void, RegExp]>([
    ['marked dirty', (copy) => copy.writeUInt16LE(2, 106), /not unmounted cleanly/],
    ['with failures of its medium', (copy) => copy.writeUInt16LE(4, 106), /errors of its medium/],
    ['whose second FAT is active', (copy) => copy.writeUInt16LE(1, 106), /TexFAT/],
    ['with two FATs', (copy) => changeBoot(copy, (boot) => boot.writeUInt8(2, 110)), /TexFAT/],
    ['of revision 2', (copy) => changeBoot(copy, (boot) => boot.writeUInt16LE(0x200, 104)), /revision 2\.0/],
    ['whose boot region is changed', (copy) => copy.writeUInt8(1, 3000), /does not match its checksum/],
    ['with the fields of a FAT', (copy) => copy.writeUInt8(2, 16), /also that of another/],
    ['without a signature', (copy) => copy.writeUInt16LE(0, 510), /boot sector is damaged/],
    ['with sectors of 8 KiB', (copy) => copy.writeUInt8(13, 108), /sector size is impossible/],
    ['with clusters of 64 MiB', (copy) => copy.writeUInt8(17, 109), /cluster size is impossible/],
    [
      'larger than its partition',
      (copy) => changeBoot(copy, (boot) => boot.writeBigUInt64LE(1n << 40n, 72)),
      /larger than its partition/,
    ],
    [
      'with more clusters than room',
      (copy) => changeBoot(copy, (boot) => boot.writeUInt32LE(0xfffffff0, 92)),
      /layout is impossible/,
    ],
    ['with a short FAT', (copy) => changeBoot(copy, (boot) => boot.writeUInt32LE(8, 84)), /FAT is too short/],
    [
      'whose root directory is nowhere',
      (copy) => changeBoot(copy, (boot) => boot.writeUInt32LE(1, 96)),
      /root directory lies outside/,
    ],
    ['whose root directory runs in a ring', (copy) => setLink(copy, first.root, first.root), /does not end/],
    [
      'whose root directory runs in a wide ring',
      (copy) => {
        for (const [from, to] of [
          [first.root, 9000],
          [9000, 30],
          [30, 8000],
          [8000, 9000],
        ] as const)
          setLink(copy, from, to);
      },
      /does not end/,
    ],
    ['whose root directory ends in nothing', (copy) => setLink(copy, first.root, 0), /leaves the file system/],
    ['without a bitmap', (copy) => copy.writeUInt8(0x05, at.bitmapEntry), /no allocation bitmap/],
    [
      'with two bitmaps',
      (copy) => copy.copy(copy, at.bitmapEntry + 64, at.bitmapEntry, at.bitmapEntry + 32),
      /more than one/,
    ],
    ['with the bitmap of a second FAT', (copy) => copy.writeUInt8(1, at.bitmapEntry + 1), /TexFAT/],
    ['with a short bitmap', (copy) => copy.writeUInt32LE(9, at.bitmapEntry + 24), /another length/],
    ['whose bitmap ends early', (copy) => setLink(copy, first.bitmap, endOfChain), /cut short/],
    ['whose bitmap does not end', (copy) => setLink(copy, first.bitmap + 1, first.bitmap), /does not end/],
    ['whose bitmap is empty', (copy) => copy.fill(0, at.bitmap, at.bitmap + 4), /does not know of itself/],
  ])('%s', async ([, change, reason]) => {
    expect(await expectRaw(changed(plain, change))).toMatch(reason);
  });
});

test('no damage makes the reader throw, hang or answer with extents outside', async () => {
  const place = fc.oneof(
    fc.nat(511),
    fc.nat(63).map((offset) => at.fat + offset),
    fc.nat(127).map((offset) => at.root + offset),
    fc.nat(1535).map((offset) => at.bitmap + offset),
  );
  const changes = fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(changes, fc.boolean(), async (bytes, summed) => {
      const damage = (copy: Buffer) => {
        for (const [offset, value] of bytes) copy.writeUInt8(value, offset);
      };
      await expectSane(changed(plain, (copy) => (summed ? changeBoot(copy, damage) : damage(copy))));
    }),
    { numRuns: 500 },
  );
});

test('no truncation does either', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 * 1024 }), (sectors) => expectSane(plain.subarray(0, sectors * 512))),
    { numRuns: 200 },
  );
});
