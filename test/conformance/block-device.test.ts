// Capture and restore on real block devices: loop devices over small files.
import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { wipeDisk } from '../../imaging/wipe/wipe-disk.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;

async function withLoop<Result>(
  file: string,
  options: readonly string[],
  work: (device: string) => Promise<Result>,
): Promise<Result> {
  const device = execFileSync('losetup', ['--show', '-f', ...options, file], { encoding: 'utf8' }).trim();
  try {
    return await work(device);
  } finally {
    execFileSync('losetup', ['-d', device]);
  }
}

test.each(['discard', 'leave'] as const)(
  'a disk goes from one block device to another, unused ranges set to %s',
  async (holes) => {
    await withTempDirectory(async (directory) => {
      const source = await makeExtDisk(path.join(directory, 'source'), 48 * mib, { one: noise(3 * mib, 'one') });
      const target = await makeRawDisk(path.join(directory, 'target'), 48 * mib, [
        { offsetBytes: 0, bytes: noise(48 * mib, 'before') },
      ]);
      const store = openMemoryStore();
      const { rootDigest } = await withLoop(source, ['-r'], (device) =>
        captureImage({ sourcePath: device, imageName: 'one', store }),
      );
      await withLoop(target, [], async (device) => {
        const restored = await restoreImage({ imageName: 'one', targetPath: device, store, holes });
        expect(restored).toMatchObject({ rootDigest, warnings: [] });
        const again = await captureImage({ sourcePath: device, imageName: 'again', store });
        expect(again).toMatchObject({ rootDigest, slotsSent: 0 });
      });
      execFileSync('e2fsck', ['-fn', target], { stdio: 'ignore' });
    });
  },
);

test('a block device that another program holds is target-busy and stays as it is', async () => {
  await withTempDirectory(async (directory) => {
    const bytes = noise(4 * mib, 'all');
    const source = await makeRawDisk(path.join(directory, 'source'), 4 * mib, [{ offsetBytes: 0, bytes }]);
    const target = await makeRawDisk(path.join(directory, 'target'), 4 * mib);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    await withLoop(target, [], async (device) => {
      const holder = await fs.open(device, constants.O_RDWR | constants.O_EXCL);
      try {
        const restoring = restoreImage({ imageName: 'one', targetPath: device, store });
        await expect(restoring).rejects.toMatchObject({ code: 'target-busy' });
      } finally {
        await holder.close();
      }
    });
    expect((await fs.readFile(target)).equals(Buffer.alloc(4 * mib))).toBe(true);
  });
});

test('a block device with other sectors than the image is target-sector-size', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 4 * mib);
    const target = await makeRawDisk(path.join(directory, 'target'), 4 * mib);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    await withLoop(target, ['-b', '4096'], async (device) => {
      const restoring = restoreImage({ imageName: 'one', targetPath: device, store });
      await expect(restoring).rejects.toMatchObject({
        code: 'target-sector-size',
        message: expect.stringContaining('nothing was written'),
      });
    });
  });
});

test('a disk with sectors of 4096 bytes comes back', async () => {
  await withTempDirectory(async (directory) => {
    const bytes = noise(5 * mib, 'all');
    const source = await makeRawDisk(path.join(directory, 'source'), 9 * mib, [{ offsetBytes: 4 * mib, bytes }]);
    const target = await makeRawDisk(path.join(directory, 'target'), 9 * mib);
    const store = openMemoryStore();
    await withLoop(source, ['-b', '4096'], (from) => captureImage({ sourcePath: from, imageName: 'one', store }));
    await withLoop(target, ['-b', '4096'], (to) => restoreImage({ imageName: 'one', targetPath: to, store }));
    execFileSync('cmp', [source, target]);
  });
});

test.each(['discard', 'overwrite'] as const)(
  'a block device is wiped by %s, whatever its sectors, and not while another program holds it',
  async (method) => {
    await withTempDirectory(async (directory) => {
      const bytes = noise(9 * mib, 'all');
      const disk = await makeRawDisk(path.join(directory, 'disk'), 9 * mib, [{ offsetBytes: 0, bytes }]);
      for (const sectors of [['-b', '4096'], []]) {
        await fs.writeFile(disk, bytes);
        await withLoop(disk, sectors, async (device) => {
          const holder = await fs.open(device, constants.O_RDWR | constants.O_EXCL);
          await expect(wipeDisk({ targetPath: device, method })).rejects.toMatchObject({ code: 'target-busy' });
          await holder.close();
          const result = await wipeDisk({ targetPath: device, method });
          expect(result.verified).toMatch(/^all 9437184 bytes read back as (the )?zeros/);
        });
        expect((await fs.readFile(disk)).equals(Buffer.alloc(9 * mib))).toBe(true);
      }
      if (method === 'discard') expect((await fs.stat(disk)).blocks * 512).toBeLessThan(4 * mib);
    });
  },
);
