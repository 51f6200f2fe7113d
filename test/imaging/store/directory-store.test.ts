import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { checkStore } from '../../../imaging/store/check-store.ts';
import { collectGarbage } from '../../../imaging/store/collect-garbage.ts';
import { openDirectoryStore } from '../../../imaging/store/directory-store.ts';
import { chunkOf, tinyImage } from '../../conformance/store-conformance.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

test('a directory that is absent, or is no store, is store-not-found and stays as it is', async () => {
  await withTempDirectory(async (directory) => {
    const absent = path.join(directory, 'absent');
    await expect(openDirectoryStore(absent, { create: false })).rejects.toMatchObject({ code: 'store-not-found' });
    await fs.writeFile(path.join(directory, 'precious'), 'data');
    for (const create of [false, true]) {
      await expect(openDirectoryStore(directory, { create })).rejects.toMatchObject({ code: 'store-not-found' });
    }
    expect(await fs.readdir(directory)).toEqual(['precious']);
  });
});

test('a store whose making was cut short is made on; one that has lost its mark is left alone', async () => {
  await withTempDirectory(async (directory) => {
    const place = path.join(directory, 'deep', 'store');
    await fs.mkdir(path.join(place, 'chunks', '00'), { recursive: true });
    await fs.mkdir(path.join(place, 'tmp'));
    await fs.writeFile(path.join(place, 'tmp', 'store.json-77'), '');
    const store = await openDirectoryStore(place, { create: true });
    const chunk = chunkOf('x');
    await store.putChunks([chunk]);
    await fs.rm(path.join(place, 'store.json'));
    await expect(openDirectoryStore(place, { create: true })).rejects.toMatchObject({ code: 'store-not-found' });
    expect(await store.findMissing([chunk.digest])).toEqual([]);
  });
});

test('two who make a store in the same place at once both have it', async () => {
  await withTempDirectory(async (directory) => {
    const place = path.join(directory, 'store');
    const both = [openDirectoryStore(place, { create: true }), openDirectoryStore(place, { create: true })];
    await expect(Promise.all(both)).resolves.toHaveLength(2);
  });
});

test('a store of a later version is store-version', async () => {
  await withTempDirectory(async (directory) => {
    await openDirectoryStore(directory, { create: true });
    await fs.writeFile(path.join(directory, 'store.json'), '{"format":"deploy-os-store","version":2}');
    await expect(openDirectoryStore(directory, { create: false })).rejects.toMatchObject({ code: 'store-version' });
  });
});

test('what is put leaves no temporary file, also when it fails', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    const chunk = chunkOf('x');
    await store.putChunks([chunk]);
    await fs.rm(path.dirname(store.chunkPath(chunk.digest)), { recursive: true });
    await expect(store.putChunks([chunk])).rejects.toMatchObject({ code: 'store-io' });
    expect(await fs.readdir(path.join(directory, 'tmp'))).toEqual([]);
  });
});

test('an empty chunk file, as some file systems leave after a power cut, counts as missing and is written anew', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    const chunk = chunkOf('x');
    await store.putChunks([chunk]);
    await fs.truncate(store.chunkPath(chunk.digest));
    expect(await store.findMissing([chunk.digest])).toEqual([chunk.digest]);
    await store.putChunks([chunk]);
    expect(await store.findMissing([chunk.digest])).toEqual([]);
  });
});

test('garbage collection keeps what an image needs and what is young, and frees the rest', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    const { chunks, manifest } = tinyImage('one', chunkOf('one'));
    const [old, young] = [chunkOf('old'), chunkOf('young')];
    await store.putChunks([...chunks, old, young]);
    await store.putManifest('one', manifest);
    await fs.writeFile(path.join(directory, 'tmp', 'left-over'), 'x');
    const longAgo = new Date(Date.now() - 48 * 3_600_000);
    const aged = [old, ...chunks].map(({ digest }) => store.chunkPath(digest));
    for (const file of [...aged, path.join(directory, 'tmp', 'left-over')]) await fs.utimes(file, longAgo, longAgo);

    const options = { olderThanMs: 24 * 3_600_000, dryRun: true };
    expect(await collectGarbage(store, options)).toMatchObject({ chunks: 1, kept: 3 });
    expect((await store.stats()).chunks).toBe(4);
    expect(await collectGarbage(store, { ...options, dryRun: false })).toMatchObject({ chunks: 1, kept: 3 });
    expect(await store.findMissing([old, young].map(({ digest }) => digest))).toEqual([old.digest]);
    expect(await checkStore(store)).toMatchObject({ images: 1, chunks: 3, unreferenced: 1, problems: [] });
    expect(await fs.readdir(path.join(directory, 'tmp'))).toEqual([]);
  });
});

test('a chunk that a capture has asked for is spared by garbage collection', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    const chunk = chunkOf('old');
    await store.putChunks([chunk]);
    const longAgo = new Date(Date.now() - 48 * 3_600_000);
    await fs.utimes(store.chunkPath(chunk.digest), longAgo, longAgo);
    await store.findMissing([chunk.digest]);
    expect(await collectGarbage(store, { olderThanMs: 3_600_000, dryRun: false })).toMatchObject({
      chunks: 0,
      kept: 1,
    });
  });
});

test('garbage collection lists every directory a fixed number of times, and looks up no chunk that an image needs', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    const { chunks, manifest } = tinyImage('one', chunkOf('one'));
    await store.putChunks(chunks);
    await store.putManifest('one', manifest);
    const stat = vi.spyOn(fs, 'stat');
    const readdir = vi.spyOn(fs, 'readdir');
    await collectGarbage(store, { olderThanMs: 0, dryRun: true });
    const [stats, readdirs] = [stat.mock.calls, readdir.mock.calls].map((calls) => calls.map(([file]) => String(file)));
    vi.restoreAllMocks();
    expect(stats?.filter((file) => file.includes('/chunks/'))).toEqual([]);
    expect(readdirs?.filter((file) => file.includes('/chunks/'))).toHaveLength(256);
  });
});
