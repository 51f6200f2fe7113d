import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { gapsBetween } from '../../imaging/chunk/slots.ts';
import { mergeExtents, totalBytes } from '../../imaging/extent.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { mapDisk } from '../../imaging/map.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { writeGpt } from '../fixtures/tables.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;

test('a disk without a known file system comes back byte for byte, zeros included', async () => {
  await withTempDirectory(async (directory) => {
    const content = [
      { offsetBytes: 0, bytes: noise(100_000, 'start') },
      { offsetBytes: 5 * mib + 512, bytes: noise(3 * mib, 'middle') },
      { offsetBytes: 40 * mib - 2048, bytes: noise(2048, 'end') },
    ];
    const source = await makeRawDisk(path.join(directory, 'source'), 40 * mib, content);
    const target = path.join(directory, 'target');
    const store = openMemoryStore();
    const captured = await captureImage({ sourcePath: source, imageName: 'one', store });
    expect(captured).toMatchObject({ slots: 40, slotsZero: 34, slotsSent: 6, usedBytes: 40 * mib });
    const restored = await restoreImage({ imageName: 'one', targetPath: target, store });
    expect(restored).toMatchObject({ bytesVerified: 40 * mib, rootDigest: captured.rootDigest, discarded: true });
    execFileSync('cmp', [source, target]);
    expect((await fs.stat(target)).blocks * 512).toBeLessThan(12 * mib);
  });
});

test.for([1024, 1025])('a disk of %i partitions comes back byte for byte', async (count) => {
  await withTempDirectory(async (directory) => {
    const disk = Buffer.alloc(4 * mib);
    noise(1100 * 512, 'partitions').copy(disk, mib);
    writeGpt(
      disk,
      Array.from({ length: count }, (_, i) => ({ firstLba: 2048 + i, lastLba: 2048 + i })),
    );
    const [source, target] = [path.join(directory, 'source'), path.join(directory, 'target')];
    await fs.writeFile(source, disk);
    const store = openMemoryStore();
    const { warnings } = await captureImage({ sourcePath: source, imageName: 'one', store });
    // A manifest lists 1,024 at most.
    expect(warnings.some((warning) => warning.includes('it lists more than 1024 partitions'))).toBe(count > 1024);
    await restoreImage({ imageName: 'one', targetPath: target, store });
    execFileSync('cmp', [source, target]);
  });
});

test.each(['discard', 'leave'] as const)(
  'an ext4 file system restored over random bytes is whole, with unused ranges set to %s',
  async (holes) => {
    await withTempDirectory(async (directory) => {
      const files = { one: noise(700_000, 'one'), two: Buffer.alloc(3 * mib, 'text '), three: Buffer.alloc(0) };
      const source = await makeExtDisk(path.join(directory, 'source'), 64 * mib, files);
      const target = await makeRawDisk(path.join(directory, 'target'), 64 * mib, [
        { offsetBytes: 0, bytes: noise(64 * mib, 'before') },
      ]);
      const store = await openDirectoryStore(path.join(directory, 'store'), { create: true });
      await captureImage({ sourcePath: source, imageName: 'one', store });
      expect(await verifyImage({ imageName: 'one', store })).toMatchObject({ problemCount: 0 });
      await restoreImage({ imageName: 'one', targetPath: target, store, holes });
      execFileSync('e2fsck', ['-fn', target], { stdio: 'ignore' });
      for (const [name, bytes] of Object.entries(files)) {
        const found = path.join(directory, 'found');
        execFileSync('debugfs', ['-R', `dump ${name} ${found}`, target], { stdio: 'ignore' });
        expect(Buffer.compare(await fs.readFile(found), bytes)).toBe(0);
      }
    });
  },
);

test('unused ranges that are to be left are left, between used bytes too', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeExtDisk(path.join(directory, 'source'), 64 * mib, { one: noise(mib, 'one') });
    const before = noise(64 * mib, 'before');
    const target = await makeRawDisk(path.join(directory, 'target'), 64 * mib, [{ offsetBytes: 0, bytes: before }]);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    await restoreImage({ imageName: 'one', targetPath: target, store, holes: 'leave' });
    const after = await fs.readFile(target);
    // The first and last MiB are blanked before they are written, used or not: that is the one exception.
    const edges = [0, 63 * mib].map((startBytes) => ({ startBytes, lengthBytes: mib }));
    const touched = mergeExtents([...(await mapDisk(source)).used, ...edges]);
    const untouched = [...gapsBetween(touched, 64 * mib)];
    expect(totalBytes(untouched)).toBeGreaterThan(40 * mib);
    for (const { startBytes, lengthBytes } of untouched) {
      const end = startBytes + lengthBytes;
      expect(after.compare(before, startBytes, end, startBytes, end)).toBe(0);
    }
  });
});

test('what lies outside of partitions comes back where something is known to live, or all of it if one asks for it', async () => {
  await withTempDirectory(async (directory) => {
    const [bootCode, stale, lastSectors] = ['boot code', 'stale', 'last sectors'].map((name) => noise(mib, name));
    const source = await makeRawDisk(path.join(directory, 'source'), 200 * mib, []);
    execFileSync('sfdisk', ['-q', source], { input: 'label: dos\nstart=20480, size=2048, type=83\n' });
    await using disk = await fs.open(source, 'r+');
    const write = (bytes: Buffer | undefined, atMib: number) => disk.write(bytes as Buffer, 0, mib, atMib * mib);
    await write(bootCode, 8);
    await write(stale, 100);
    await write(lastSectors, 199);
    const store = openMemoryStore();
    const target = path.join(directory, 'target');
    const held = async () => {
      const bytes = await fs.readFile(target);
      return [8, 100, 199].map((at) => !bytes.subarray(at * mib, (at + 1) * mib).equals(Buffer.alloc(mib)));
    };
    const to = { sourcePath: source, store, workers: 1 };
    const { warnings } = await captureImage({ ...to, imageName: 'known' });
    // From 12 MiB, a MiB behind the only partition, to 16 MiB before the end.
    expect(warnings.join()).toContain(`${172 * mib} bytes outside of its partitions are not captured`);
    await restoreImage({ imageName: 'known', targetPath: target, store, workers: 1 });
    expect(await held()).toEqual([true, false, true]);
    expect((await captureImage({ ...to, imageName: 'one', partitions: [1] })).warnings).toEqual([]);
    expect((await captureImage({ ...to, imageName: 'all', unpartitioned: true })).warnings).toEqual([]);
    await restoreImage({ imageName: 'all', targetPath: target, store, workers: 1 });
    execFileSync('cmp', [source, target]);
  });
});

test('a second capture of an unchanged disk sends nothing but is an image of its own', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 8 * mib, [
      { offsetBytes: 0, bytes: noise(8 * mib, 'all') },
    ]);
    const store = openMemoryStore();
    const first = await captureImage({ sourcePath: source, imageName: 'one', store });
    for (const parent of [{}, { parentName: 'one' }]) {
      const name = `again ${JSON.stringify(parent)}`;
      const second = await captureImage({ sourcePath: source, imageName: name, store, ...parent });
      expect(second).toMatchObject({ slotsSent: 0, slotsKnown: 8, bytesSent: 0, rootDigest: first.rootDigest });
    }
    expect((await loadManifest(store, 'again {"parentName":"one"}')).parent?.name).toBe('one');
  });
});

test('equal chunks of one disk are sent once', async () => {
  await withTempDirectory(async (directory) => {
    const bytes = Buffer.concat(Array.from({ length: 12 }, () => noise(mib, 'same')));
    const source = await makeRawDisk(path.join(directory, 'source'), 12 * mib, [{ offsetBytes: 0, bytes }]);
    const result = await captureImage({ sourcePath: source, imageName: 'one', store: openMemoryStore() });
    expect(result).toMatchObject({ slotsSent: 1, slotsKnown: 11 });
  });
});

test('a disk that is larger than the image gets it, and its own last MiB is blanked of an old table', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 4 * mib, [
      { offsetBytes: 0, bytes: noise(4 * mib, 'all') },
    ]);
    const target = await makeRawDisk(path.join(directory, 'target'), 9 * mib, [
      { offsetBytes: 0, bytes: noise(9 * mib, 'before') },
    ]);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    await restoreImage({ imageName: 'one', targetPath: target, store, holes: 'leave' });
    const after = await fs.readFile(target);
    expect(after.subarray(0, 4 * mib).equals(noise(4 * mib, 'all'))).toBe(true);
    expect(after.subarray(8 * mib).equals(Buffer.alloc(mib))).toBe(true);
  });
});

test('a disk smaller than two MiB works too', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 1536 * 512, [
      { offsetBytes: 0, bytes: noise(1536 * 512, 'all') },
    ]);
    const target = path.join(directory, 'target');
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    await restoreImage({ imageName: 'one', targetPath: target, store });
    execFileSync('cmp', [source, target]);
  });
});

test('the tables of a GPT disk are in the manifest verbatim', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 16 * mib);
    execFileSync('sfdisk', ['-q', source], { input: 'label: gpt\nstart=2048, size=4096\n' });
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const { tableSectors, geometry, partitions } = await loadManifest(store, 'one');
    expect(geometry).toMatchObject({ table: 'gpt', sizeBytes: 16 * mib });
    expect(partitions).toHaveLength(1);
    const disk = await fs.readFile(source);
    expect(tableSectors.map((s) => s.offsetBytes / 512)).toEqual([0, 1, 2, 32_767, 32_735]);
    for (const { offsetBytes, base64 } of tableSectors) {
      const bytes = Buffer.from(base64, 'base64');
      expect(disk.subarray(offsetBytes, offsetBytes + bytes.length).equals(bytes)).toBe(true);
    }
  });
});

test('a capture that is asked for again under the id of its finished image is done; another one is refused the name', async () => {
  await withTempDirectory(async (directory) => {
    const sourcePath = await makeRawDisk(path.join(directory, 'source'), 2 * mib, [
      { offsetBytes: 0, bytes: noise(2 * mib, 'source') },
    ]);
    const capture = { sourcePath, imageName: 'one', store: openMemoryStore() };
    const imageId = '8f14e45f-ceea-867a-8a5f-e4da2e2b9d2c';
    const first = await captureImage({ ...capture, imageId });
    const again = await captureImage({ ...capture, imageId });
    expect(again).toMatchObject({ id: imageId, rootDigest: first.rootDigest, bytesRead: 0, bytesSent: 0 });
    await expect(captureImage(capture)).rejects.toMatchObject({ code: 'image-exists' });
  });
});
