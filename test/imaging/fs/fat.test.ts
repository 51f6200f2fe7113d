import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { makeEmptyFat } from '../../fixtures/fat-cases.ts';
import { changed, expectRaw, expectSane } from '../../fixtures/map-expectations.ts';
import { run } from '../../fixtures/run.ts';

/** One of each type, with one file of a few clusters. */
const fats = { 12: Buffer.alloc(0), 16: Buffer.alloc(0), 32: Buffer.alloc(0) };
const made = {
  12: { sizeKiB: 1440, flags: '-F 12 -n BASE -i 1234ABCD' },
  16: { sizeKiB: 4400, flags: '-F 16 -s 1 -n BASE -i 1234ABCD' },
  32: { sizeKiB: 34_000, flags: '-F 32 -s 1 -n BASE -i 1234ABCD' },
} as const;

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fat-'));
  await writeFile(join(folder, 'file'), Buffer.alloc(40_000, 'file '));
  for (const bits of [12, 16, 32] as const) {
    const filePath = join(folder, `${bits}.img`);
    await makeEmptyFat(made[bits], filePath);
    await run('mcopy', '-i', filePath, join(folder, 'file'), '::file');
    fats[bits] = await readFile(filePath);
  }
  await rm(folder, { recursive: true });
});

const fatAt = (bytes: Buffer) => bytes.readUInt16LE(14) * bytes.readUInt16LE(11);
const fatBytes = (bytes: Buffer) => (bytes.readUInt16LE(22) || bytes.readUInt32LE(36)) * bytes.readUInt16LE(11);

/** Writes an entry of a FAT16 or FAT32 into both copies. */
function setEntry(copy: Buffer, cluster: number, value: number, copies: readonly number[] = [0, 1]): void {
  for (const fat of copies) {
    const at = fatAt(copy) + fat * fatBytes(copy);
    if (copy.readUInt16LE(22) === 0) copy.writeUInt32LE(value >>> 0, at + cluster * 4);
    else copy.writeUInt16LE(value, at + cluster * 2);
  }
}

describe.for([12, 16, 32] as const)('a FAT%i', (bits) => {
  test('has its label and serial number, and fewer used bytes than all', async () => {
    const map = await readFileSystem(readerOf(fats[bits]));
    expect(map).toMatchObject({ fileSystem: 'vfat', uuid: '1234-ABCD', label: 'BASE', reader: 'fat', notes: [] });
    expect(map.used[0]?.startBytes).toBe(0);
    expect(map.used[0]?.lengthBytes).toBeLessThan(fats[bits].length);
  });

  test('shows the label of its root directory rather than that of its boot sector', async () => {
    const labelAt = bits === 32 ? 71 : 43;
    const map = await readFileSystem(readerOf(changed(fats[bits], (copy) => copy.write('OTHER', labelAt))));
    expect(map.label).toBe('BASE');
  });

  test('leaves what lies behind it to nobody, so it counts as used', async () => {
    const { used } = await readFileSystem(readerOf(Buffer.concat([fats[bits], Buffer.alloc(4096)])));
    const last = used.at(-1);
    expect((last?.startBytes ?? 0) + (last?.lengthBytes ?? 0)).toBe(fats[bits].length + 4096);
  });

  test('whose FATs do not agree is captured whole', async () => {
    const bytes = changed(fats[bits], (copy) => copy.writeUInt8(0x21, fatAt(copy) + fatBytes(copy) + 60));
    expect(await expectRaw(bytes)).toMatch(/its FATs do not agree/);
  });

  test.for([
    [1, /not unmounted cleanly/],
    [2, /errors are recorded/],
  ] as const)('marked %i by the kernel is captured whole', async ([state, reason]) => {
    const bytes = changed(fats[bits], (copy) => copy.writeUInt8(state, bits === 32 ? 65 : 37));
    expect(await expectRaw(bytes)).toMatch(reason);
  });

  test('survives any damage: no throw, no hang, no extent outside', async () => {
    const place = fc.oneof(
      fc.nat(511),
      fc.nat(4095).map((at) => fatAt(fats[bits]) + at),
    );
    const changes = fc.array(fc.tuple(place, fc.nat(255)), { minLength: 1, maxLength: 6 });
    const length = fc.option(fc.integer({ min: 1, max: fats[bits].length / 512 }), { nil: fats[bits].length / 512 });
    await fc.assert(
      fc.asyncProperty(changes, length, async (bytes, sectors) => {
        const kept = fats[bits].subarray(0, sectors * 512);
        const before = Buffer.from(kept.subarray(0, 65536));
        for (const [at, value] of bytes) if (at < kept.length) kept.writeUInt8(value, at);
        try {
          await expectSane(kept);
        } finally {
          before.copy(kept);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('captured whole, with the reason, is', () => {
  test.for<[string, 12 | 16 | 32, (copy: Buffer) => void, RegExp]>([
    ['a FAT16 not unmounted', 16, (copy) => setEntry(copy, 1, 0x7fff), /not unmounted cleanly/],
    ['a FAT16 with errors', 16, (copy) => setEntry(copy, 1, 0xbfff), /errors are recorded/],
    ['a FAT32 not unmounted', 32, (copy) => setEntry(copy, 1, 0x07ffffff), /not unmounted cleanly/],
    ['a FAT32 with errors', 32, (copy) => setEntry(copy, 1, 0x0bffffff), /errors are recorded/],
    ['a FAT that starts otherwise', 16, (copy) => setEntry(copy, 0, 0), /does not start as one/],
    ['an entry that points outside', 32, (copy) => setEntry(copy, 900, 0x0ffffff0), /points outside/],
    ['an entry of one', 16, (copy) => setEntry(copy, 900, 1), /points outside/],
    ['a FAT32 whose root directory is free', 32, (copy) => setEntry(copy, 2, 0), /root directory lies in a free/],
    ['a FAT32 whose root directory is nowhere', 32, (copy) => copy.writeUInt32LE(1, 44), /root directory lies outside/],
    ['a FAT32 of another version', 32, (copy) => copy.writeUInt16LE(1, 42), /version 1/],
    ['a FAT32 whose second FAT is in force, of one', 32, (copy) => copy.writeUInt16LE(0x82, 40), /does not have/],
    ['a FAT16 that says it is a FAT12', 16, (copy) => copy.write('FAT12', 54), /named FAT12 and has/],
    ['a FAT16 that says it is a FAT32', 16, (copy) => copy.write('FAT32', 82), /named FAT32 and laid out/],
    ['clusters of three sectors', 16, (copy) => copy.writeUInt8(3, 13), /cluster size is impossible/],
    ['no FAT at all', 16, (copy) => copy.writeUInt8(0, 16), /layout is impossible/],
    ['a FAT too short for its clusters', 16, (copy) => copy.writeUInt16LE(3, 22), /FAT is too short/],
    ['one larger than its partition', 16, (copy) => copy.writeUInt16LE(60_000, 19), /larger than its partition/],
  ])('%s', async ([, bits, change, reason]) => {
    expect(await expectRaw(changed(fats[bits], change))).toMatch(reason);
  });
});

test('the upper four bits of a FAT32 entry do not make a cluster used', async () => {
  const { used } = await readFileSystem(readerOf(fats[32]));
  const map = await readFileSystem(readerOf(changed(fats[32], (copy) => setEntry(copy, 50_000, 0xf0000000))));
  expect(map).toMatchObject({ reader: 'fat', used });
});

test('with mirroring off, only the FAT in force counts', async () => {
  const { used } = await readFileSystem(readerOf(fats[32]));
  const second = changed(fats[32], (copy) => {
    copy.writeUInt16LE(0x81, 40);
    copy.fill(0, fatAt(copy), fatAt(copy) + fatBytes(copy));
  });
  expect(await readFileSystem(readerOf(second))).toMatchObject({ reader: 'fat', used });
});
