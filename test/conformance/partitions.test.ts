// R13: single partitions captured and restored, and whatever else is on the disks left alone byte for byte.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { restorePartition } from '../../imaging/restore-partition.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { undoRestore } from '../../imaging/undo.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { storeCountingGets } from '../fixtures/fault-store.ts';
import { withFuse, withLoop } from '../fixtures/mounts.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { expectUnfinished } from '../fixtures/unfinished-restore.ts';

const mib = 2 ** 20;
/** A thread takes as long to start as all that these tests do. */
const workers = 1;

const tool = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** A disk file of noise with an MBR: partitions at these sectors, as long as this. */
async function makeTarget(file: string, sizeMib: number, partitions: readonly (readonly [number, number])[]) {
  await makeRawDisk(file, sizeMib * mib, [{ offsetBytes: mib, bytes: noise((sizeMib - 1) * mib, file) }]);
  const lines = partitions.map(([start, size]) => `start=${start}, size=${size}, type=83`);
  execFileSync('sfdisk', ['-q', '--force', '--wipe', 'never', file], { input: ['label: dos', ...lines].join('\n') });
  return file;
}

/** An MBR disk: an ext4 of 16 MiB in partition 1, and an NTFS of 20 MiB in partition 2, which starts at an odd sector. */
async function makeSource(directory: string): Promise<string> {
  const disk = await makeTarget(path.join(directory, 'source'), 40, [
    [2048, 16 * 2048],
    [17 * 2048 + 63, 20 * 2048],
  ]);
  const ext = await makeExtDisk(path.join(directory, 'ext'), 16 * mib, { one: noise(3 * mib, 'one') });
  const ntfs = await makeRawDisk(path.join(directory, 'ntfs'), 20 * mib);
  tool('mkntfs', '-q', '-F', '-s', '512', '-p', String(17 * 2048 + 63), '-H', '255', '-S', '63', ntfs);
  await withFuse('ntfs-3g', ntfs, 'rw', (folder) => fs.writeFile(path.join(folder, 'two'), noise(2 * mib, 'two')));
  tool('dd', `if=${ext}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc');
  tool('dd', `if=${ntfs}`, `of=${disk}`, 'bs=512', `seek=${17 * 2048 + 63}`, 'conv=notrunc');
  return disk;
}

/** The bytes before and behind a range are what they were. */
function expectElsewhereUntouched(before: Buffer, after: Buffer, startBytes: number, endBytes: number): void {
  expect(after.length).toBe(before.length);
  expect(after.subarray(0, startBytes).equals(before.subarray(0, startBytes))).toBe(true);
  expect(after.subarray(endBytes).equals(before.subarray(endBytes))).toBe(true);
}

async function writeSlice(file: string, bytes: Buffer): Promise<string> {
  await fs.writeFile(file, bytes);
  return file;
}

describe('R13: one partition of a disk', () => {
  test('goes into a larger one at another place and other alignment, and nothing else changes', async () => {
    await withTempDirectory(async (directory) => {
      const source = await makeSource(directory);
      const store = openMemoryStore();
      await captureImage({ workers, sourcePath: source, imageName: 'one', store });
      for (const [partition, start] of [
        [1, 4096 + 8],
        [2, 3 * 2048 + 1],
      ] as const) {
        const target = await makeTarget(path.join(directory, `target${partition}`), 64, [
          [2048, 1024],
          [start, 24 * 2048],
        ]);
        const before = await fs.readFile(target);
        const restored = await restorePartition({
          workers,
          imageName: 'one',
          targetPath: target,
          store,
          partition,
          toPartition: 2,
        });
        expect(restored).toMatchObject({ partition, toPartition: 2, bytesVerified: restored.usedBytes });
        const after = await fs.readFile(target);
        expectElsewhereUntouched(before, after, start * 512, (start + 24 * 2048) * 512);
        const part = await writeSlice(path.join(directory, 'part'), after.subarray(start * 512));
        if (partition === 1) {
          tool('e2fsck', '-fn', part);
          const found = execFileSync('debugfs', ['-R', 'cat one', part], {
            stdio: ['ignore', 'pipe', 'ignore'],
            maxBuffer: 2 ** 26,
          });
          expect(found.equals(noise(3 * mib, 'one'))).toBe(true);
        } else {
          await fs.truncate(part, 20 * mib);
          tool('ntfsfix', '-n', part);
          expect(execFileSync('ntfscat', [part, 'two'], { maxBuffer: 2 ** 26 }).equals(noise(2 * mib, 'two'))).toBe(
            true,
          );
          // BIOS boot code goes by this: both boot sectors say where the partition is now.
          for (const at of [0, 20 * mib - 512]) expect((await fs.readFile(part)).readUInt32LE(at + 0x1c)).toBe(start);
        }
      }
    });
  });

  test('is captured alone, shows the whole table, and is refused as a whole disk', async () => {
    await withTempDirectory(async (directory) => {
      const source = await makeSource(directory);
      const store = openMemoryStore();
      await captureImage({ workers, sourcePath: source, imageName: 'two', store, partitions: [2] });
      const manifest = await loadManifest(store, 'two');
      expect(manifest).toMatchObject({ capturedPartitions: [2], partitions: [{ number: 1 }, { number: 2 }] });
      expect(manifest.usedBytes).toBe(manifest.partitions[1]?.usedBytes);
      const target = path.join(directory, 'target');
      const whole = restoreImage({ workers, imageName: 'two', targetPath: target, store });
      await expect(whole).rejects.toMatchObject({
        code: 'invalid-input',
        hint: expect.stringContaining('--partition'),
      });
      const before = await fs.readFile(source);
      const start = (17 * 2048 + 63) * 512;
      const handle = await fs.open(source, 'r+');
      await handle.write(noise(20 * mib, 'lost'), 0, 20 * mib, start);
      await handle.close();
      await restorePartition({ workers, imageName: 'two', targetPath: source, store, partition: 2 });
      const after = await fs.readFile(source);
      expectElsewhereUntouched(before, after, start, start + 20 * mib);
      tool('ntfsfix', '-n', await writeSlice(path.join(directory, 'part'), after.subarray(start, start + 20 * mib)));
      const missing = restorePartition({ workers, imageName: 'two', targetPath: source, store, partition: 1 });
      await expect(missing).rejects.toMatchObject({
        code: 'invalid-input',
        message: expect.stringContaining('it holds 2'),
      });
    });
  });

  test('goes onto a block device of its own, and grows into it', async () => {
    await withTempDirectory(async (directory) => {
      const source = await makeSource(directory);
      const store = openMemoryStore();
      await captureImage({ workers, sourcePath: source, imageName: 'one', store });
      const target = await makeTarget(path.join(directory, 'target'), 64, [[4096, 40 * 2048]]);
      const before = await fs.readFile(target);
      const range = ['-o', String(2 * mib), '--sizelimit', String(40 * mib)];
      await withLoop(target, range, async (device) => {
        const into = { workers, imageName: 'one', targetPath: device, store, partition: 1, toPartition: 0, grow: true };
        expect((await restorePartition(into)).grown).toMatchObject({ fileSystemGrown: true, sizeBytes: 40 * mib });
        tool('e2fsck', '-fn', device);
        expect(tool('dumpe2fs', '-h', device)).toMatch(/Block count: +40960/);
        const bare = await captureImage({ workers, sourcePath: device, imageName: 'bare', store });
        expect(bare.sizeBytes).toBe(40 * mib);
        expect(await undoRestore({ workers, targetPath: device, store })).toMatchObject({
          partition: null,
          imageName: 'one',
        });
        await fs.open(device).then(async (handle) => {
          const { buffer } = await handle.read(Buffer.alloc(mib), 0, mib, 0).finally(() => handle.close());
          expect(buffer.equals(before.subarray(2 * mib, 3 * mib))).toBe(true);
        });
      });
      expectElsewhereUntouched(before, await fs.readFile(target), 2 * mib, 42 * mib);
    });
  });

  test('is refused where it does not fit, where no partition is, and without one to restore, before the first write', async () => {
    await withTempDirectory(async (directory) => {
      const source = await makeSource(directory);
      const target = await makeTarget(path.join(directory, 'target'), 64, [[2048, 16 * 2048 - 1]]);
      const before = await fs.readFile(target);
      const store = openMemoryStore();
      await captureImage({ workers, sourcePath: source, imageName: 'one', store });
      const into = (partition: number, toPartition: number) =>
        restorePartition({ workers, imageName: 'one', targetPath: target, store, partition, toPartition });
      await expect(into(1, 1)).rejects.toMatchObject({
        code: 'target-too-small',
        message: expect.stringContaining('nothing was written'),
        hint: `Restore into a partition of at least ${16 * mib} bytes.`,
      });
      await expect(into(1, 2)).rejects.toMatchObject({
        code: 'invalid-input',
        message: expect.stringContaining('it has 1'),
      });
      await expect(into(3, 1)).rejects.toMatchObject({
        code: 'invalid-input',
        message: expect.stringContaining('it holds 1, 2'),
      });
      const none = captureImage({ workers, sourcePath: source, imageName: 'three', store, partitions: [3] });
      await expect(none).rejects.toMatchObject({
        code: 'invalid-input',
        message: expect.stringContaining('there is 1, 2'),
      });
      expect((await fs.readFile(target)).equals(before)).toBe(true);
    });
  });

  test('whose chunk is lost leaves a partition without its first MiB, and the rest of the disk alone', async () => {
    await withTempDirectory(async (directory) => {
      const source = await makeSource(directory);
      const store = openMemoryStore();
      await captureImage({ workers, sourcePath: source, imageName: 'one', store });
      const target = await makeTarget(path.join(directory, 'target'), 64, [[4096, 40 * 2048]]);
      const before = await fs.readFile(target);
      const failing = storeCountingGets(store, (count) => {
        if (count > 5) throw new Error('the store is gone');
      });
      const restoring = restorePartition({
        workers,
        imageName: 'one',
        targetPath: target,
        store: failing,
        partition: 1,
      });
      await expect(restoring).rejects.toThrow(/partition 1 of .* is incomplete; its first MiB is blank/);
      const after = await fs.readFile(target);
      expectElsewhereUntouched(before, after, 2 * mib, 42 * mib);
      await expectUnfinished(target, 'one', 2 * mib);
    });
  });
});

test('the command line captures several partitions and restores one', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeSource(directory);
    const at = ['--store', path.join(directory, 'store'), '--json'];
    const cli = path.join(import.meta.dirname, '../../cli/deploy-os');
    const run = (...args: string[]) => spawnSync(cli, ['image', ...args, ...at], { encoding: 'utf8' });
    expect(run('capture', source, 'both', '--partition', '1', '--partition', '2').status).toBe(0);
    expect(JSON.parse(run('show', 'both').stdout)).toMatchObject({ capturedPartitions: [1, 2] });
    const planned = run('restore', 'both', source, '--partition', '1', '--plan-only');
    const plan = path.join(directory, 'plan');
    await fs.writeFile(plan, planned.stdout);
    const restored = run('restore', '--plan', plan);
    expect(JSON.parse(restored.stdout)).toMatchObject({ partition: 1, toPartition: 1, grown: null });
    expect(JSON.parse(run('undo', source).stdout)).toMatchObject({ partition: 1, imageName: 'both' });
    expect(run('restore', 'both', source).status).toBe(2);
  });
});
