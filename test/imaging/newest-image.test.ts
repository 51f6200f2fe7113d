import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

/** A disk file with a GPT of its own id. */
async function makeGptDisk(file: string): Promise<void> {
  await run('truncate', '-s', '16M', file);
  await run('sgdisk', '--new=1:2048:+8M', file);
}

test('a capture starts from the newest image of the same disk, told by its table, unless told otherwise', async () => {
  await withTempDirectory(async (folder) => {
    const [a, b] = [join(folder, 'a.img'), join(folder, 'b.img')];
    await Promise.all([makeGptDisk(a), makeGptDisk(b)]);
    const store = openMemoryStore();
    const capture = async (sourcePath: string, imageName: string, parent: { parentName?: string | null } = {}) => {
      await captureImage({ sourcePath, imageName, store, ...parent });
      return (await loadManifest(store, imageName)).parent?.name ?? null;
    };
    expect(await capture(a, 'a1')).toBeNull();
    expect(await capture(b, 'b1')).toBeNull();
    expect(await capture(a, 'a2')).toBe('a1');
    expect(await capture(a, 'a3')).toBe('a2');
    expect(await capture(b, 'b2')).toBe('b1');
    expect(await capture(a, 'a4', { parentName: 'a1' })).toBe('a1');
    expect(await capture(a, 'a5', { parentName: null })).toBeNull();
  });
});

test('a bare file system is told by its UUID', async () => {
  await withTempDirectory(async (folder) => {
    const [a, b] = [join(folder, 'a.img'), join(folder, 'b.img')];
    await run('truncate', '-s', '16M', a);
    await run('mkfs.ext4', '-q', a);
    await copyFile(a, b);
    await run('tune2fs', '-U', 'random', b);
    const store = openMemoryStore();
    for (const [sourcePath, imageName] of [
      [a, 'a1'],
      [b, 'b1'],
      [a, 'a2'],
    ] as const) {
      await captureImage({ sourcePath, imageName, store });
    }
    expect((await loadManifest(store, 'b1')).parent).toBeNull();
    expect((await loadManifest(store, 'a2')).parent?.name).toBe('a1');
  });
});

test('a store that may not be listed is captured to all the same', async () => {
  await withTempDirectory(async (folder) => {
    const source = join(folder, 'a.img');
    await makeGptDisk(source);
    const store = openMemoryStore();
    store.listManifests = () => Promise.reject(new Error('forbidden'));
    await captureImage({ sourcePath: source, imageName: 'a1', store });
    expect((await loadManifest(store, 'a1')).parent).toBeNull();
  });
});

test('what a restore saved for undo is nobody’s parent', async () => {
  await withTempDirectory(async (folder) => {
    const source = join(folder, 'a.img');
    await makeGptDisk(source);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'undo/a', store });
    await captureImage({ sourcePath: source, imageName: 'a1', store });
    expect((await loadManifest(store, 'a1')).parent).toBeNull();
  });
});
