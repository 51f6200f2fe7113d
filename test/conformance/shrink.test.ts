import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { mapDisk } from '../../imaging/map.ts';
import { proofError, proveImage } from '../../imaging/prove/prove-image.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { makeMixedDisk } from '../fixtures/mixed-disk.ts';
import { withFuse, withMount } from '../fixtures/mounts.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;

async function captureDisk(sourcePath: string) {
  const store = openMemoryStore();
  await captureImage({ sourcePath, imageName: 'one', store });
  return { store, sizeBytes: (await fs.stat(sourcePath)).size };
}

/** A disk file with something else at both its ends. */
function makeTarget(folder: string, sizeBytes: number): Promise<string> {
  const bytes = noise(4 * mib, 'was there');
  const places = [0, sizeBytes - bytes.length].map((offsetBytes) => ({ offsetBytes, bytes }));
  return makeRawDisk(path.join(folder, 'target'), sizeBytes, places);
}

/** Cuts partition 1 out of the disk and holds its files against the source's. */
async function compareFiles(folder: string, disk: string, filesFolder: string): Promise<void> {
  const [first] = (await mapDisk(disk)).partitions;
  if (first === undefined) return expect.fail('no partition');
  const part = path.join(folder, 'part');
  const range = ['iflag=skip_bytes,count_bytes', `skip=${first.startBytes}`, `count=${first.sizeBytes}`];
  await run('dd', `if=${disk}`, `of=${part}`, 'bs=1M', 'conv=sparse', 'status=none', ...range);
  const compare = (mounted: string) => run('diff', '-r', '-x', 'lost+found', filesFolder, mounted);
  if (first.fileSystem === 'ntfs') await withFuse('ntfs-3g', part, 'ro', compare);
  else await withMount(part, 'ro', compare);
  await fs.rm(part);
}

/** How much smaller the disk is, by what its only large partition holds. */
const cases = [
  { fileSystem: 'ext4', lessMiB: 40 },
  { fileSystem: 'ntfs', lessMiB: 30 },
  { fileSystem: 'btrfs', lessMiB: 20 },
];

describe.each(cases)('an image of a disk with $fileSystem and swap behind it', ({ fileSystem, lessMiB }) => {
  test('goes onto a smaller disk: shrunk, moved up, clean, every file as it was; the store stays as it was', async () => {
    await withTempDirectory(async (folder) => {
      const { file, filesFolder } = await makeMixedDisk(folder, [fileSystem, 'swap']);
      const { store, sizeBytes } = await captureDisk(file);
      const before = await store.stats();
      const targetPath = await makeTarget(folder, sizeBytes - lessMiB * mib);
      const result = await restoreImage({ imageName: 'one', store, targetPath, shrink: true, escrow: false });
      expect(result.warnings.join()).toMatch(/partition 1 is restored with \d+ of its \d+ bytes/);
      expect(await store.stats()).toEqual(before);

      expect(await run('sgdisk', '--verify', targetPath)).toMatch(/No problems found/);
      const [was, is] = [await mapDisk(file), await mapDisk(targetPath)];
      const sizes = (map: typeof was) => map.partitions.map((part) => [part.fileSystem, part.sizeBytes / mib]);
      const [[, size] = [], swap] = sizes(was);
      expect(sizes(is)).toEqual([[fileSystem, Number(size) - lessMiB], swap]);
      await captureImage({ sourcePath: targetPath, imageName: 'shrunk', store });
      expect(proofError(await proveImage({ imageName: 'shrunk', store }))).toBeNull();
      await compareFiles(folder, targetPath, filesFolder);
    });
  });
});

test('a disk too small even so is refused before the first write, with the size that would do, and that does', async () => {
  await withTempDirectory(async (folder) => {
    const { file, filesFolder } = await makeMixedDisk(folder, ['ext4', 'vfat']);
    const { store } = await captureDisk(file);
    const targetPath = await makeTarget(folder, 20 * mib);
    const before = await fs.readFile(targetPath);
    const refused = restoreImage({ imageName: 'one', store, targetPath, shrink: true, escrow: false });
    const { code, hint } = await refused.then(
      () => expect.fail('it was not refused'),
      (error) => error,
    );
    expect(code).toBe('target-too-small');
    expect(Buffer.compare(await fs.readFile(targetPath), before)).toBe(0);
    const leastBytes = Number(/at least (\d+) bytes/.exec(hint)?.[1]);
    const least = await makeTarget(folder, leastBytes);
    await restoreImage({ imageName: 'one', store, targetPath: least, shrink: true });
    await compareFiles(folder, least, filesFolder);
    await makeTarget(folder, leastBytes - mib);
    await expect(restoreImage({ imageName: 'one', store, targetPath, shrink: true })).rejects.toMatchObject({ code });
  });
});

test('without being asked nothing is shrunk, and what no tool makes smaller is named', async () => {
  await withTempDirectory(async (folder) => {
    const { file } = await makeMixedDisk(folder, ['ext4', 'vfat']);
    const { store, sizeBytes } = await captureDisk(file);
    const targetPath = await makeTarget(folder, sizeBytes - 8 * mib);
    const before = await fs.readFile(targetPath);
    await expect(restoreImage({ imageName: 'one', store, targetPath })).rejects.toMatchObject({
      code: 'target-too-small',
    });
    await run('debugfs', '-w', '-R', 'clri <13>', `${file}?offset=${mib}`);
    const damaged = await captureDisk(file);
    const shrinking = restoreImage({ imageName: 'one', store: damaged.store, targetPath, shrink: true });
    await expect(shrinking).rejects.toMatchObject({
      code: 'shrink-failed',
      message: expect.stringMatching(/e2fsck ended with 4/),
    });
    expect(Buffer.compare(await fs.readFile(targetPath), before)).toBe(0);
  });
});
