import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { noise } from '../fixtures/disks.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const gib = 2 ** 30;
/** 300 MB. */
const allowedKib = 292_968;
const root = path.join(import.meta.dirname, '../..');
const preload = path.join(root, 'test/fixtures/print-peak.ts');

/** Peak memory of the command that captures an ext4 disk of that size, in KiB; the same files on each, few inodes so that it takes seconds. */
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
    const peakFile = path.join(directory, 'peak');
    const env = `PEAK_FILE=${peakFile}`;
    const command = [path.join(root, 'cli/deploy-os'), 'image', 'capture', disk, 'one', '--store', store];
    await run('env', env, `NODE_OPTIONS=--import=${preload}`, ...command);
    peaks.push(Number(await fs.readFile(peakFile, 'utf8')));
    await fs.rm(store, { recursive: true });
  }
  await fs.rm(disk);
  return Math.min(...peaks);
}

test('a capture takes at most 300 MB of memory, and for a 1 TiB disk what it takes for an 8 GiB one, within ten percent', {
  timeout: 180_000,
}, async () => {
  await withTempDirectory(async (directory) => {
    await fs.mkdir(path.join(directory, 'files'));
    await fs.writeFile(path.join(directory, 'files', 'noise'), noise(100 * 2 ** 20, 'file'));
    // What compresses well takes more than noise: it leaves more for the collector.
    await fs.copyFile(process.execPath, path.join(directory, 'files', 'program'));
    const small = await peakOfCapture(directory, 8 * gib);
    const large = await peakOfCapture(directory, 1024 * gib);
    process.stdout.write(`peak memory: 8 GiB ${small >> 10} MiB, 1 TiB ${large >> 10} MiB\n`);
    expect(large).toBeLessThan(small * 1.1);
    expect(Math.max(small, large)).toBeLessThan(allowedKib);
  });
});
