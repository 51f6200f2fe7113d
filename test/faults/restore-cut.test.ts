// A restore that is cut, at every few chunks and by a kill, and disks that fail under one: what was right stays, and the sector is named.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { mapDisk } from '../../imaging/map.ts';
import { restoreImage } from '../../imaging/restore.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { storeCountingGets } from '../fixtures/fault-store.ts';
import { writeGpt } from '../fixtures/gpt-table.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { expectUnfinished } from '../fixtures/unfinished-restore.ts';

const mib = 2 ** 20;
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

async function withImage(
  sizeMib: number,
  store: ChunkStore,
  work: (directory: string, source: string) => Promise<void>,
): Promise<void> {
  await withTempDirectory(async (directory) => {
    const bytes = noise(sizeMib * mib, 'all');
    const source = await makeRawDisk(path.join(directory, 'source'), bytes.length, [{ offsetBytes: 0, bytes }]);
    await captureImage({ sourcePath: source, imageName: 'one', store });
    await work(directory, source);
  });
}

test('a restore cut after any number of chunks goes on: both together fetch no more than all, and what was in flight', async () => {
  const store = openMemoryStore();
  await withImage(40, store, async (directory, source) => {
    const target = path.join(directory, 'target');
    for (const cutAfter of [1, 3, 9, 17, 26, 35, 40]) {
      await fs.rm(target, { force: true });
      const stop = new AbortController();
      let gets = 0;
      const counting = storeCountingGets(store, (count) => {
        gets = count;
        if (count > cutAfter) stop.abort();
      });
      const cut = restoreImage({
        imageName: 'one',
        targetPath: target,
        store: counting,
        workers: 1,
        signal: stop.signal,
      });
      await expect(cut).rejects.toMatchObject({ code: 'cancelled' });
      await expectUnfinished(target, 'one');
      const { bytesFetched, bytesReused } = await restoreImage({
        imageName: 'one',
        targetPath: target,
        store,
        workers: 1,
      });
      execFileSync('cmp', [source, target]);
      // One worker has six slots in flight; the segment is read by both, and the edges come last.
      expect(bytesReused).toBeGreaterThanOrEqual(Math.min(38, gets - 1 - 6) * mib);
      expect(bytesFetched + (gets - 1) * mib).toBeLessThan((40 + 6 + 2) * mib + 65_536);
    }
  });
});

test('a restore with new ids that is cut goes on, although each attempt makes other ids', async () => {
  await withTempDirectory(async (directory) => {
    const sizeBytes = 80 * mib;
    const bytes = noise(sizeBytes, 'partition').subarray(0, sizeBytes - 2 * mib);
    const source = await makeRawDisk(path.join(directory, 'source'), sizeBytes, [{ offsetBytes: mib, bytes }]);
    writeGpt(source, [{ atMib: 1, sizeMib: sizeBytes / mib - 2 }]);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const target = path.join(directory, 'target');
    const stop = new AbortController();
    const counting = storeCountingGets(store, (count) => {
      if (count > 9) stop.abort();
    });
    const options = { imageName: 'one', targetPath: target, newIds: true, workers: 1 };
    const cut = restoreImage({ ...options, store: counting, signal: stop.signal });
    await expect(cut).rejects.toMatchObject({ code: 'cancelled' });
    // Less than the eighth that would make it worth a look at a disk without a mark.
    const { bytesReused, newIds } = await restoreImage({ ...options, store });
    expect(bytesReused).toBeGreaterThanOrEqual(mib);
    expect(bytesReused).toBeLessThan(sizeBytes / 8);
    expect(newIds?.changed.map(({ of }) => of)).toEqual(['disk', 'partition']);
  });
});

test('a restore that is killed goes on, and until then the disk says which image was on its way', async () => {
  await withTempDirectory(async (storeDirectory) => {
    const store = await openDirectoryStore(path.join(storeDirectory, 'store'), { create: true });
    await withImage(120, store, async (directory, source) => {
      const target = path.join(directory, 'target');
      const args = ['image', 'restore', 'one', target, '--store', store.label];
      const child = spawn(cli, args, { stdio: 'ignore' });
      const written = async () => ((await fs.stat(target).catch(() => null))?.blocks ?? 0) * 512;
      while (child.exitCode === null && (await written()) < 30 * mib) await new Promise((next) => setTimeout(next, 5));
      child.kill('SIGKILL');
      await once(child, 'close');
      expect((await mapDisk(target)).notes?.[0]).toContain("a restore of 'one' was left unfinished");
      const { bytesReused, bytesFetched } = await restoreImage({ imageName: 'one', targetPath: target, store });
      expect(bytesReused).toBeGreaterThan(10 * mib);
      expect(bytesFetched + bytesReused).toBeLessThan(121 * mib);
      execFileSync('cmp', [source, target]);
    });
  });
});

test('a disk that cannot be written at a place fails with the sector, and does not boot', async () => {
  const store = openMemoryStore();
  await withImage(24, store, async (directory) => {
    const mount = path.join(directory, 'small');
    await fs.mkdir(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'none', mount]);
    const file = await makeRawDisk(path.join(mount, 'disk'), 24 * mib);
    // Its file has no room for all of it: the loop device answers as a disk with bad sectors does.
    const device = execFileSync('losetup', ['--show', '-f', file], { encoding: 'utf8' }).trim();
    try {
      const restoring = restoreImage({ imageName: 'one', targetPath: device, store });
      await expect(restoring).rejects.toMatchObject({
        code: 'target-write',
        message: expect.stringMatching(/at byte \d+ \(sector \d+\).*does not boot/s),
      });
      await expectUnfinished(device, 'one');
    } finally {
      execFileSync('losetup', ['-d', device]);
      execFileSync('umount', [mount]);
    }
  });
});

test('a disk that cannot be read back at a place fails with the sector, and does not boot', async () => {
  const store = openMemoryStore();
  await withImage(24, store, async (directory) => {
    const file = await makeRawDisk(path.join(directory, 'disk'), 24 * mib);
    const device = execFileSync('losetup', ['--show', '-f', file], { encoding: 'utf8' }).trim();
    let cut = false;
    try {
      const restoring = restoreImage({
        ...{ imageName: 'one', targetPath: device, store },
        onProgress: ({ phase }) => {
          // The file under the device loses its end when everything was written.
          if (phase === 'read-back' && !cut) execFileSync('truncate', ['-s', String(9 * mib + 65_536), file]);
          cut ||= phase === 'read-back';
        },
      });
      await expect(restoring).rejects.toMatchObject({
        code: 'read-back-mismatch',
        message: expect.stringMatching(/sector.*does not boot/s),
      });
      await expectUnfinished(device, 'one');
    } finally {
      execFileSync('losetup', ['-d', device]);
    }
  });
});
