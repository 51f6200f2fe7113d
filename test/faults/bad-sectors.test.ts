// A disk with bad sectors: a capture names the first one and leaves no image; a rescue saves everything else and says what is lost.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { totalBytes } from '../../imaging/extent.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { mapDisk } from '../../imaging/map.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { withFailingDisk } from '../fixtures/failing-disk.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;

/** A GPT disk with one ext4 in partition 1, and where the blocks of its file `victim` lie, in bytes of the disk. */
async function makeDisk(folder: string) {
  const fileSystem = await makeExtDisk(path.join(folder, 'fs'), 32 * mib, {
    victim: noise(4 * mib, 'victim'),
    safe: noise(3 * mib, 'safe'),
  });
  const disk = await makeRawDisk(path.join(folder, 'disk'), 34 * mib);
  execFileSync('sfdisk', ['-q', disk], { input: 'label: gpt\nstart=2048, size=65536\n' });
  await run('dd', `if=${fileSystem}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc');
  const blocks = (await run('debugfs', '-R', 'blocks victim', fileSystem)).trim().split(/\s+/).map(Number);
  const blockBytes = Number(/Block size:\s+(\d+)/.exec(await run('dumpe2fs', '-h', fileSystem))?.[1]);
  return { disk, places: blocks.map((block) => mib + block * blockBytes) };
}

test('without a rescue the capture fails with the sector and its partition, and no image is visible', async () => {
  await withTempDirectory(async (folder) => {
    const { disk, places } = await makeDisk(folder);
    const sector = (places[300] ?? 0) / 512;
    await withFailingDisk(disk, new Set([sector + 1]), async (sourcePath) => {
      const store = openMemoryStore();
      await expect(captureImage({ sourcePath, imageName: 'one', store })).rejects.toMatchObject({
        code: 'source-read',
        // Through the page cache a sector cannot be told from its page.
        message: expect.stringMatching(new RegExp(`at byte \\d+ \\(sector ${sector}, in partition 1\\).*EIO`)),
      });
      expect(await store.listManifests()).toEqual([]);
    });
  });
});

test('a rescue saves everything but the bad sectors, names the file, and is restored only when that is accepted', async () => {
  await withTempDirectory(async (folder) => {
    const { disk, places } = await makeDisk(folder);
    const bad = new Set([(places[300] ?? 0) / 512, (places[700] ?? 0) / 512 + 2, (places[710] ?? 0) / 512 + 1]);
    const map = await mapDisk(disk);
    const store = openMemoryStore();
    const result = await withFailingDisk(disk, bad, (sourcePath) =>
      captureImage({ sourcePath, imageName: 'one', store, rescue: true }),
    );
    expect(result).toMatchObject({ lostBytes: 3 * 512, usedBytes: totalBytes(map.used) });
    const { lost, lostFiles } = await loadManifest(store, 'one');
    expect(lost).toEqual([...bad].sort((a, b) => a - b).map((s) => ({ startBytes: s * 512, lengthBytes: 512 })));
    expect(lostFiles).toEqual([{ partition: 1, path: '/victim' }]);
    const warnings: string[] = [];
    await verifyImage({ imageName: 'one', store, onWarning: (text) => warnings.push(text) });
    expect(warnings.join()).toMatch(/'one' is not whole: 1536 bytes in 3 places/);
    const targetPath = path.join(folder, 'target');
    await expect(restoreImage({ imageName: 'one', store, targetPath })).rejects.toMatchObject({ code: 'image-lossy' });
    await expect(fs.stat(targetPath)).rejects.toMatchObject({ code: 'ENOENT' });
    const restored = await restoreImage({ imageName: 'one', store, targetPath, acceptLost: true });
    expect(restored.warnings.join()).toMatch(/not whole/);
    const [before, after] = [await fs.readFile(disk), await fs.readFile(targetPath)];
    for (const sector of bad) before.fill(0, sector * 512, (sector + 1) * 512);
    for (const { startBytes, lengthBytes } of map.used) {
      const end = startBytes + lengthBytes;
      expect(after.compare(before, startBytes, end, startBytes, end)).toBe(0);
    }
  });
});

test('a rescue goes on where table and file system cannot be read, and finds the same content as a capture of the whole disk', async () => {
  await withTempDirectory(async (folder) => {
    const disk = await makeRawDisk(path.join(folder, 'disk'), 3 * mib, [
      { offsetBytes: 0, bytes: noise(3 * mib, 'x') },
    ]);
    const store = openMemoryStore();
    const bad = new Set([0, 1, 2, 6143]);
    const result = await withFailingDisk(disk, bad, (sourcePath) =>
      captureImage({ sourcePath, imageName: 'bad', store, rescue: true }),
    );
    expect(result).toMatchObject({ usedBytes: 3 * mib, lostBytes: 4 * 512 });
    const bytes = noise(3 * mib, 'x');
    for (const sector of bad) bytes.fill(0, sector * 512, (sector + 1) * 512);
    const same = await makeRawDisk(path.join(folder, 'same'), 3 * mib, [{ offsetBytes: 0, bytes }]);
    const { rootDigest } = await captureImage({ sourcePath: same, imageName: 'same', store });
    expect(result.rootDigest).toBe(rootDigest);
  });
});
