// Damage to what is stored: each kind has a name, is found by verify and check, and never reaches a disk that boots.
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { loadManifest, loadSegment } from '../../imaging/manifest/load-image.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { checkStore } from '../../imaging/store/check-store.ts';
import { type DirectoryStore, openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { expectUnfinished } from '../fixtures/unfinished-restore.ts';

const mib = 2 ** 20;
const sizeBytes = 6 * mib;

async function withImage(work: (store: DirectoryStore, directory: string) => Promise<void>): Promise<void> {
  await withTempDirectory(async (directory) => {
    const bytes = noise(sizeBytes, 'all');
    const source = await makeRawDisk(path.join(directory, 'source'), sizeBytes, [{ offsetBytes: 0, bytes }]);
    const store = await openDirectoryStore(path.join(directory, 'store'), { create: true });
    await captureImage({ sourcePath: source, imageName: 'one', store });
    await work(store, directory);
  });
}

async function flipBit(file: string): Promise<void> {
  const bytes = await fs.readFile(file);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] as number) ^ 16;
  await fs.writeFile(file, bytes);
}

const cutShort = async (file: string) => fs.truncate(file, (await fs.stat(file)).size - 7);
const remove = (file: string) => fs.rm(file);

async function chunkFile(store: DirectoryStore, slotIndex: number): Promise<string> {
  const slots = [...(await loadSegment(store, await loadManifest(store, 'one'), 0))];
  return store.chunkPath(slots[slotIndex]?.digest ?? '');
}

test.each([
  ['bit flipped', flipBit, 'chunk-corrupt'],
  ['cut short', cutShort, 'chunk-corrupt'],
  ['lost', remove, 'chunk-not-found'],
])('a chunk %s is found with its place, and leaves a target that cannot boot', async (_, damage, code) => {
  await withImage(async (store, directory) => {
    await damage(await chunkFile(store, 3));
    const { problems } = await verifyImage({ imageName: 'one', store });
    expect(problems).toMatchObject([{ code, offsetBytes: 3 * mib, lengthBytes: mib }]);
    expect((await checkStore(store)).problems).toMatchObject([{ code }]);
    const target = path.join(directory, 'target');
    await expect(restoreImage({ imageName: 'one', targetPath: target, store })).rejects.toMatchObject({
      code,
      message: expect.stringContaining('first MiB is blank'),
    });
    await expectUnfinished(target, 'one');
  });
});

test('a damaged chunk of the first MiB, which is written last, is found before it is written', async () => {
  await withImage(async (store, directory) => {
    await flipBit(await chunkFile(store, 0));
    const target = path.join(directory, 'target');
    const restoring = restoreImage({ imageName: 'one', targetPath: target, store });
    await expect(restoring).rejects.toMatchObject({ code: 'chunk-corrupt' });
    await expectUnfinished(target, 'one');
  });
});

test.each([
  ['bit flipped', flipBit, 'chunk-corrupt'],
  ['cut short', cutShort, 'chunk-corrupt'],
  ['lost', remove, 'chunk-not-found'],
])('a segment %s is found as the loss of all that it covers', async (_, damage, code) => {
  await withImage(async (store) => {
    const { segments } = await loadManifest(store, 'one');
    await damage(store.chunkPath(segments[0] ?? ''));
    const { problems } = await verifyImage({ imageName: 'one', store });
    expect(problems).toMatchObject([{ code, offsetBytes: 0, lengthBytes: sizeBytes }]);
    expect((await checkStore(store)).problems.map((problem) => problem.code)).toContain(code);
  });
});

test.each([
  ['bit flipped', flipBit],
  ['cut short', cutShort],
])('a manifest %s is manifest-corrupt, and nothing is written', async (_, damage) => {
  await withImage(async (store, directory) => {
    const [file] = await fs.readdir(path.join(directory, 'store', 'images'));
    await damage(path.join(directory, 'store', 'images', file ?? ''));
    await expect(verifyImage({ imageName: 'one', store })).rejects.toMatchObject({ code: 'manifest-corrupt' });
    expect((await checkStore(store)).problems).toMatchObject([{ code: 'manifest-corrupt' }]);
    const target = path.join(directory, 'target');
    await expect(restoreImage({ imageName: 'one', targetPath: target, store })).rejects.toMatchObject({
      code: 'manifest-corrupt',
      message: expect.stringContaining('nothing was written'),
    });
    await expect(fs.stat(target)).rejects.toThrow(/ENOENT/);
  });
});

test.each([
  ['bit flipped', flipBit],
  ['cut short', cutShort],
])(
  'a chunk %s is moved aside by a repair, sent anew by the next capture of the same content, and the image is whole again',
  async (_, damage) => {
    await withImage(async (store, directory) => {
      const source = path.join(directory, 'source');
      const file = await chunkFile(store, 3);
      await damage(file);
      const found = { images: 1, chunks: 7, checkedChunks: 7, unreferenced: 0, wholeAgain: [] };
      const uses = [
        { image: 'one', places: [{ offsetBytes: 3 * mib, lengthBytes: mib, partitions: [0] }], placeCount: 1 },
      ];
      const damagedImages = [{ name: 'one', chunks: 1, lostBytes: mib }];
      const before = await checkStore(store);
      expect(before).toMatchObject({ ...found, damagedImages, problems: [{ uses, setAside: false }], problemCount: 1 });
      // Unrepaired, it counts as present: no capture would bring it back.
      await captureImage({ sourcePath: source, imageName: 'unrepaired', store });
      await expect(verifyImage({ imageName: 'one', store })).resolves.toMatchObject({ problemCount: 1 });
      await store.deleteManifest('unrepaired');

      const repaired = await checkStore(store, { repair: true });
      expect(repaired).toMatchObject({ ...found, damagedImages, problems: [{ uses, setAside: true }] });
      expect((await checkStore(store)).problems).toMatchObject([{ code: 'chunk-not-found', uses, setAside: false }]);
      const capture = { sourcePath: source, imageName: 'two', store, parentName: 'one' };
      expect(await captureImage(capture)).toMatchObject({ slotsSent: 1 });

      expect(await checkStore(store)).toMatchObject({ problems: [], damagedImages: [], wholeAgain: ['one', 'two'] });
      expect(await checkStore(store, { repair: true })).toMatchObject({ problems: [], wholeAgain: ['one', 'two'] });
      expect(await checkStore(store)).toMatchObject({ problems: [], wholeAgain: [] });
      await expect(verifyImage({ imageName: 'one', store })).resolves.toMatchObject({ problemCount: 0 });
    });
  },
);

test('a damaged segment is named with all that it covers, and a repair lets the next capture send it anew', async () => {
  await withImage(async (store, directory) => {
    const { segments } = await loadManifest(store, 'one');
    await flipBit(store.chunkPath(segments[0] ?? ''));
    const { problems } = await checkStore(store, { repair: true });
    const places = [{ offsetBytes: 0, lengthBytes: sizeBytes, partitions: [0] }];
    expect(problems).toMatchObject([{ digest: segments[0], setAside: true, uses: [{ image: 'one', places }] }]);
    await captureImage({ sourcePath: path.join(directory, 'source'), imageName: 'two', store });
    expect(await checkStore(store)).toMatchObject({ problems: [], wholeAgain: ['one', 'two'] });
  });
});

test('a whole chunk that an interrupted repair left aside is put back by the next one', async () => {
  await withImage(async (store) => {
    const { segments } = await loadManifest(store, 'one');
    await store.maintenance.setAside([segments[0] ?? '']);
    expect((await checkStore(store)).problems).toMatchObject([{ code: 'chunk-not-found' }]);
    expect(await checkStore(store, { repair: true })).toMatchObject({ problems: [], wholeAgain: ['one'] });
  });
});

test('the parts of a store that are checked one after the other are all of it, and each names what is missing', async () => {
  await withImage(async (store) => {
    await remove(await chunkFile(store, 2));
    let checkedChunks = 0;
    for (let from = 0; from < 1; from += 0.25) {
      const result = await checkStore(store, { part: { from, to: from + 0.25 } });
      expect(result).toMatchObject({ chunks: 6, problems: [{ code: 'chunk-not-found' }] });
      checkedChunks += result.checkedChunks;
    }
    expect(checkedChunks).toBe(6);
  });
});

test('a damaged chunk that no image needs is a problem too: a capture would count on it', async () => {
  await withImage(async (store) => {
    const file = await chunkFile(store, 1);
    await store.deleteManifest('one');
    await flipBit(file);
    expect(await checkStore(store, { repair: true })).toMatchObject({
      unreferenced: 7,
      problems: [{ code: 'chunk-corrupt', uses: [], setAside: true }],
      damagedImages: [],
    });
    expect((await store.stats()).chunks).toBe(6);
  });
});
