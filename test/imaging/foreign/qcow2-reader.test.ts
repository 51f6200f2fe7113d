import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { totalBytes } from '../../../imaging/extent.ts';
import { openQcow2 } from '../../../imaging/foreign/qcow2-reader.ts';
import { DeployError } from '../../../protocol/errors.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { noise } from '../../fixtures/disks.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const clusterBytes = 4096;
const disk = Buffer.concat([noise(20_480, 'a'), Buffer.alloc(40_960), Buffer.alloc(8192, 'text '), noise(4608, 'end')]);

/** The disk as qemu-img packs it in small clusters. */
async function makeQcow2(...flags: string[]): Promise<Buffer> {
  return withTempDirectory(async (folder) => {
    const [raw, qcow2] = [path.join(folder, 'raw'), path.join(folder, 'qcow2')];
    await fs.writeFile(raw, disk);
    const options = ['convert', '-f', 'raw', '-O', 'qcow2', ...flags];
    execFileSync('qemu-img', [...options, raw, qcow2], { stdio: 'ignore' });
    return fs.readFile(qcow2);
  });
}

const plain = await makeQcow2('-o', `cluster_size=${clusterBytes}`);
const deflated = await makeQcow2('-c', '-o', `cluster_size=${clusterBytes}`);
const zstd = await makeQcow2('-c', '-o', `cluster_size=${clusterBytes},compression_type=zstd`);

test.each([
  ['plain', plain],
  ['compressed by zlib', deflated],
  ['compressed by zstd', zstd],
])('a file %s reads as its disk, wherever and however much is asked for', async (_, bytes) => {
  const reader = await openQcow2(readerOf(bytes));
  expect(reader.sizeBytes).toBe(disk.length);
  for (const [from, to] of [
    [0, disk.length],
    [4095, 4097],
    [20_479, 61_441],
    [disk.length - 1, disk.length],
    [5, 5],
  ] as const) {
    expect(Buffer.compare(await reader.read(from, to - from), disk.subarray(from, to))).toBe(0);
  }
  await expect(reader.read(disk.length, 1)).rejects.toMatchObject({ code: 'source-read' });
  const data = [];
  for await (const extent of reader.dataExtents()) data.push(extent);
  expect(totalBytes(data)).toBeLessThan(disk.length - 36_000);
});

test('no damage makes it hang, read outside the file or fail in another way', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(plain, deflated, zstd),
      // Half of the changes hit the header and the first tables.
      fc.array(fc.tuple(fc.oneof(fc.nat(120), fc.nat(6 * clusterBytes), fc.nat()), fc.nat(255)), {
        minLength: 1,
        maxLength: 6,
      }),
      fc.nat(2 * clusterBytes),
      async (whole, changes, cutBytes) => {
        const bytes = Buffer.from(whole.subarray(0, whole.length - (cutBytes % 3 === 0 ? cutBytes : 0)));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        try {
          const reader = await openQcow2(readerOf(bytes));
          // A disk of terabytes is a matter of course; its first and last bytes tell enough.
          const lengthBytes = Math.min(reader.sizeBytes, 100_000);
          await reader.read(0, lengthBytes);
          await reader.read(reader.sizeBytes - lengthBytes, lengthBytes);
          let extents = 0;
          for await (const { startBytes, lengthBytes: length } of reader.dataExtents()) {
            expect(startBytes + length).toBeLessThanOrEqual(reader.sizeBytes);
            if (++extents > 1000) break;
          }
        } catch (thrown) {
          if (!(thrown instanceof DeployError)) throw thrown;
          expect(thrown.code).toMatch(/^import-(corrupt|unsupported)$/);
        }
      },
    ),
    { numRuns: 400 },
  );
});
