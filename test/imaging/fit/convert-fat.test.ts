import { readFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { convertFat } from '../../../imaging/fit/convert-fat.ts';
import { sparseReader } from '../../fixtures/buffer-reader.ts';
import { changedFrom } from '../../fixtures/changed-from.ts';
import { makeEmptyFat } from '../../fixtures/fat-cases.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const mib = 2 ** 20;

test.for([
  ['-F 32 -s 8', 4096],
  ['-F 16 -s 16', 4096],
  ['-F 32 -S 4096', 512],
] as const)(
  'whatever stands in front of a FAT, nothing is written behind its reserved area: mkfs.fat %s',
  async ([flags, sectorSizeBytes]) => {
    await withTempDirectory(async (directory) => {
      const file = path.join(directory, 'fat');
      await makeEmptyFat({ sizeKiB: 300 * 1024, flags }, file);
      const head = (await readFile(file)).subarray(0, 8192);
      let converted = 0;
      await fc.assert(
        fc.asyncProperty(changedFrom(head), async (bytes) => {
          const reader = sparseReader(300 * mib, new Map([[0, bytes]]));
          const patches = await convertFat(reader, { oldStartBytes: mib, startBytes: 2 * mib, sectorSizeBytes });
          if (typeof patches === 'string') return;
          converted++;
          const boot = await reader.read(0, 512);
          const fatAtBytes = boot.readUInt16LE(14) * boot.readUInt16LE(11);
          for (const { offsetBytes, bytes: patch } of patches)
            expect(offsetBytes + patch.length).toBeLessThanOrEqual(fatAtBytes);
        }),
        { numRuns: 1000 },
      );
      expect(converted).toBeGreaterThan(100);
    });
  },
);
