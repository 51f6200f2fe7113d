import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { openImageReader } from '../../imaging/image-reader.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { mapBytes, mapDisk } from '../../imaging/map.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const MiB = 2 ** 20;

test('an image reads as the disk it was, wherever and however much is asked for', async () => {
  await withTempDirectory(async (folder) => {
    const source = join(folder, 'disk.img');
    // No file system: all of it is used; with zeros in the middle and a last slot that is shorter.
    const content = Buffer.concat([randomBytes(3 * MiB), Buffer.alloc(2 * MiB), randomBytes(MiB + 512)]);
    await writeFile(source, content);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'disk', store, chunkSizeBytes: 65_536 });
    const reader = openImageReader(store, await loadManifest(store, 'disk'), { cacheBytes: 3 * 65_536 });
    expect(reader).toMatchObject({ sizeBytes: content.length, sectorSizeBytes: 512, label: "image 'disk'" });
    const last = content.length - 1;
    for (const [from, to] of [
      [0, content.length],
      [65_535, 65_537],
      [3 * MiB - 1, 5 * MiB + 1],
      [last, last + 1],
      [7, 7],
    ] as const) {
      expect(Buffer.compare(await reader.read(from, to - from), content.subarray(from, to))).toBe(0);
    }
    for (const [from, length] of [
      [-1, 1],
      [last, 2],
      [0, content.length + 1],
    ] as const) {
      await expect(reader.read(from, length)).rejects.toMatchObject({ code: 'source-read' });
    }
  });
});

test('a file system is read out of an image as it is from the disk', async () => {
  await withTempDirectory(async (folder) => {
    const source = join(folder, 'disk.img');
    await run('truncate', '-s', '64M', source);
    await run('mkfs.ext4', '-q', source);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'disk', store });
    const reader = openImageReader(store, await loadManifest(store, 'disk'));
    const found = await mapBytes(reader);
    expect(found).toEqual(await mapDisk(source));
    expect(found.partitions[0]?.reader).toBe('ext');
    for (const { startBytes, lengthBytes } of found.used) {
      const bytes = (await readFile(source)).subarray(startBytes, startBytes + lengthBytes);
      expect(Buffer.compare(await reader.read(startBytes, lengthBytes), bytes)).toBe(0);
    }
  });
});

test('a lost chunk is an error of the bytes it held, and only while it is lost', async () => {
  await withTempDirectory(async (folder) => {
    const source = join(folder, 'disk.img');
    await writeFile(source, randomBytes(2 * MiB));
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'disk', store });
    const getChunk = store.getChunk.bind(store);
    const manifest = await loadManifest(store, 'disk');
    let lost = true;
    store.getChunk = async (digest, signal) => {
      if (lost && digest !== manifest.segments[0]) throw new Error('the store is gone');
      return getChunk(digest, signal);
    };
    const reader = openImageReader(store, manifest);
    await expect(reader.read(0, 512)).rejects.toThrow('the store is gone');
    lost = false;
    expect(Buffer.compare(await reader.read(0, 512), (await readFile(source)).subarray(0, 512))).toBe(0);
  });
});
