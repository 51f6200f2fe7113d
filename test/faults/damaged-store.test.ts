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
