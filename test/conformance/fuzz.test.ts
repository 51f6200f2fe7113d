// A short run of the fuzzer over every kind of disk, always the same; `npm run fuzz` goes on for as long as one likes.
import { describe, expect, test } from 'vitest';
import { diskTargets } from '../fixtures/fuzz/disk-targets.ts';
import { DiskFuzzer } from '../fixtures/fuzz/fuzz-disk.ts';
import { Random } from '../fixtures/fuzz/random.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const inputs = 150;

describe('whatever is changed in it, a disk is mapped without a throw, a look outside, or an end that does not come:', () => {
  test.for(diskTargets)('$name', async (target) => {
    await withTempDirectory(async (folder) => {
      const fuzzer = await DiskFuzzer.open(target, folder);
      const random = new Random(21);
      const { findings } = await fuzzer.run(random, (done) => done === inputs);
      expect(findings.map(({ message }) => message)).toEqual([]);
      if (!target.noticesFlips) return;
      const flips = await fuzzer.flip(random, (done) => done === inputs);
      expect(flips.map(({ message }) => message)).toEqual([]);
    });
  });
});
