import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { noise } from '../fixtures/disks.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const gib = 2 ** 30;
const program = path.join(import.meta.dirname, '../fixtures/measure-capture.ts');

/** Peak memory of capturing an ext4 disk of that size, in KiB; the same files on each, few inodes so that it takes seconds. */
async function peakOfCapture(directory: string, sizeBytes: number): Promise<number> {
  const disk = path.join(directory, `disk-${sizeBytes}`);
  await fs.writeFile(disk, '');
  await fs.truncate(disk, sizeBytes);
  const few = ['-N', '16384', '-J', 'size=32', '-E', 'lazy_itable_init=1'];
  execFileSync('mkfs.ext4', ['-q', '-F', ...few, '-d', path.join(directory, 'files'), disk]);
  const peaks: number[] = [];
  // The kernel and the collector add noise: the least of two is the program's own.
  for (const attempt of [1, 2]) {
    const store = path.join(directory, `store-${sizeBytes}-${attempt}`);
    peaks.push(JSON.parse(await run(process.execPath, program, disk, store)).peakKib);
    await fs.rm(store, { recursive: true });
  }
  await fs.rm(disk);
  return Math.min(...peaks);
}

test('the peak memory of a capture of a 1 TiB disk is that of an 8 GiB one, within ten percent', {
  timeout: 180_000,
}, async () => {
  await withTempDirectory(async (directory) => {
    await fs.mkdir(path.join(directory, 'files'));
    await fs.writeFile(path.join(directory, 'files', 'noise'), noise(100 * 2 ** 20, 'file'));
    const small = await peakOfCapture(directory, 8 * gib);
    const large = await peakOfCapture(directory, 1024 * gib);
    process.stdout.write(`peak memory: 8 GiB ${small >> 10} MiB, 1 TiB ${large >> 10} MiB\n`);
    expect(large).toBeLessThan(small * 1.1);
  });
});
