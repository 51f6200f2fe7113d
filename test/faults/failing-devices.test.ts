// Real devices that fail: loop devices whose file was cut short beneath them, so that the kernel answers with I/O errors.
import { randomBytes } from 'node:crypto';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { withLoop } from '../fixtures/mounts.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;

test('a source that gives I/O errors in its second half fails the capture with a sector of it, and no image is visible', async () => {
  await withTempDirectory(async (directory) => {
    const file = await makeRawDisk(path.join(directory, 'source'), 16 * mib, [
      { offsetBytes: 0, bytes: noise(16 * mib, 'source') },
    ]);
    await withLoop(file, [], async (sourcePath) => {
      await fs.truncate(file, 8 * mib);
      await run('blockdev', '--flushbufs', sourcePath);
      const store = openMemoryStore();
      const capturing = captureImage({ sourcePath, imageName: 'one', store });
      const error = await capturing.then(
        () => null,
        (thrown: { code: string; message: string }) => thrown,
      );
      expect(error).toMatchObject({ code: 'source-read' });
      const sector = Number(/sector (\d+)/.exec(error?.message ?? '')?.[1]);
      expect(sector).toBeGreaterThanOrEqual((8 * mib) / 512);
      expect(sector).toBeLessThan((16 * mib) / 512);
      expect(await store.listManifests()).toEqual([]);
    });
  });
});

test('a target that gives I/O errors fails the restore, and its first MiB is blank', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 16 * mib, [
      { offsetBytes: 0, bytes: noise(16 * mib, 'source') },
    ]);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const mount = path.join(directory, 'small');
    await fs.mkdir(mount);
    // Writes into a hole of a file on a full file system are what a medium that has died answers: EIO.
    await run('mount', '-t', 'tmpfs', '-o', 'size=9m', 'none', mount);
    try {
      const file = path.join(mount, 'target');
      await fs.writeFile(file, randomBytes(2 * mib));
      await fs.truncate(file, 16 * mib);
      await withLoop(file, [], async (targetPath) => {
        const restoring = restoreImage({ imageName: 'one', targetPath, store, holes: 'leave' });
        await expect(restoring).rejects.toMatchObject({
          code: expect.stringMatching(/^(target-write|read-back-mismatch)$/),
        });
        const { buffer } = await fs
          .open(file)
          .then((handle) => handle.read(Buffer.alloc(512), 0, 512, 0).finally(() => handle.close()));
        expect(buffer.equals(Buffer.alloc(512))).toBe(true);
      });
    } finally {
      await run('umount', mount);
    }
  });
});
