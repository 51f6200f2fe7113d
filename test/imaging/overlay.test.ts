import fs from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openOverlay } from '../../imaging/overlay.ts';
import { readerOf } from '../fixtures/buffer-reader.ts';
import { noise } from '../fixtures/disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const belowBytes = 5 * 4096 + 512;

test('an overlay reads as what lies below it with the writes on top, whatever its size, and what lies below stays as it was', async () => {
  const write = fc.record({ at: fc.nat(30_000), length: fc.nat(9_000), seed: fc.string({ maxLength: 3 }) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(write, { maxLength: 12 }),
      fc.integer({ min: 1, max: 40_000 }),
      async (writes, sizeBytes) => {
        const below = noise(belowBytes, 'below');
        const overlay = await openOverlay(readerOf(below), { sizeBytes });
        const expected = Buffer.alloc(sizeBytes);
        below.copy(expected);
        try {
          const pending = writes.map(({ at, length, seed }) => {
            const from = Math.min(at, sizeBytes);
            const bytes = noise(Math.min(length, sizeBytes - from), seed);
            bytes.copy(expected, from);
            return overlay.write(from, bytes);
          });
          await Promise.all(pending);
          expect(Buffer.compare(await overlay.read(0, sizeBytes), expected)).toBe(0);
          const middle = Math.floor(sizeBytes / 3);
          expect(Buffer.compare(await overlay.read(middle, middle), expected.subarray(middle, 2 * middle))).toBe(0);
          expect(Buffer.compare(below, noise(belowBytes, 'below'))).toBe(0);
        } finally {
          await overlay.close();
        }
      },
    ),
    { numRuns: 60 },
  );
});

test('what lies outside the disk is neither read nor written', async () => {
  const overlay = await openOverlay(readerOf(Buffer.alloc(4096)));
  await expect(overlay.read(4000, 97)).rejects.toMatchObject({ code: 'source-read' });
  await expect(overlay.write(4000, Buffer.alloc(97))).rejects.toMatchObject({ code: 'source-read' });
  await overlay.write(4000, Buffer.alloc(96, 'x'));
  expect((await overlay.read(3999, 2)).toString()).toBe('\0x');
  await overlay.close();
});

test('the scratch file has no name, and is as large as what was written', async () => {
  await withTempDirectory(async (folder) => {
    const overlay = await openOverlay(readerOf(Buffer.alloc(4096)), { sizeBytes: 2 ** 42, scratchFolder: folder });
    await overlay.write(2 ** 42 - 4096, Buffer.alloc(4096, 'x'));
    expect(await fs.readdir(folder)).toEqual([]);
    expect((await overlay.read(2 ** 42 - 1, 1)).toString()).toBe('x');
    await overlay.close();
    const missing = openOverlay(readerOf(Buffer.alloc(4096)), { scratchFolder: `${folder}/none` });
    await expect(missing).rejects.toMatchObject({ code: 'store-io' });
  });
});
