import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { isEscrowName, machineOfEscrow } from '../../imaging/manifest/image-name.ts';
import { parsePlan } from '../../imaging/plan-partition.ts';
import { planRestore, type RestorePlan } from '../../imaging/plan-restore.ts';
import { restoreImage } from '../../imaging/restore.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { undoRestore } from '../../imaging/undo.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { storeCountingGets } from '../fixtures/fault-store.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { expectUnfinished } from '../fixtures/unfinished-restore.ts';

const mib = 2 ** 20;
/** A thread takes as long to start as all that these tests do. */
const workers = 1;

/** A GPT disk with one partition from 4 to 20 MiB, noise everywhere else and in it. */
async function makeGptDisk(file: string, seed: string): Promise<string> {
  await makeRawDisk(file, 24 * mib, [{ offsetBytes: 0, bytes: noise(24 * mib, seed) }]);
  execFileSync('sfdisk', ['-q', '-w', 'always', '-W', 'always', file], {
    input: 'label: gpt\nstart=8192, size=32768\n',
  });
  return file;
}

/** A store with the image 'one' of a GPT disk, and a target with another GPT. */
async function withDisks(work: (store: ChunkStore, target: string, before: Buffer) => Promise<void>): Promise<void> {
  await withTempDirectory(async (directory) => {
    const store = openMemoryStore();
    const sourcePath = await makeGptDisk(path.join(directory, 'source'), 'source');
    await captureImage({ workers, sourcePath, imageName: 'one', store });
    const target = await makeGptDisk(path.join(directory, 'target'), 'target');
    await work(store, target, await fs.readFile(target));
  });
}

function expectSame(a: Buffer, b: Buffer, startBytes: number, endBytes: number): void {
  expect(a.compare(b, startBytes, endBytes, startBytes, endBytes)).toBe(0);
}

test('undo puts back tables, the first and last MiB and the starts of partitions, and nothing else is touched', async () => {
  await withDisks(async (store, target, before) => {
    const { escrow } = await restoreImage({ workers, imageName: 'one', targetPath: target, store });
    const restored = await fs.readFile(target);
    expect(isEscrowName(escrow ?? '')).toBe(true);
    expect(await undoRestore({ workers, targetPath: target, store })).toMatchObject({ escrow, imageName: 'one' });
    const after = await fs.readFile(target);
    expectSame(after, before, 0, mib);
    expectSame(after, before, 4 * mib, 5 * mib);
    expectSame(after, before, 20 * mib - 131_072, 20 * mib);
    expectSame(after, before, 23 * mib, 24 * mib);
    expectSame(after, restored, 5 * mib, 20 * mib - 131_072);
    await expect(undoRestore({ workers, targetPath: target, store })).rejects.toMatchObject({ code: 'target-changed' });
    await undoRestore({ workers, targetPath: target, store, force: true });
  });
});

test('undo of a restore that was cut off, and carried on, brings back what was there before both', async () => {
  await withDisks(async (store, target, before) => {
    const stop = new AbortController();
    const stopping = storeCountingGets(store, (count) => count > 9 && stop.abort());
    const cut = restoreImage({ workers, imageName: 'one', targetPath: target, store: stopping, signal: stop.signal });
    await expect(cut).rejects.toMatchObject({ code: 'cancelled' });
    await expectUnfinished(target, 'one');
    const { escrow } = await restoreImage({ workers, imageName: 'one', targetPath: target, store });
    expect((await store.listManifests()).filter(({ name }) => isEscrowName(name))).toMatchObject([{ name: escrow }]);
    await undoRestore({ workers, targetPath: target, store });
    expectSame(await fs.readFile(target), before, 0, mib);
  });
});

test('a disk that was given another table since, and one that was never restored to, are refused', async () => {
  await withDisks(async (store, target) => {
    await restoreImage({ workers, imageName: 'one', targetPath: target, store });
    execFileSync('sfdisk', ['-q', '-w', 'always', target], { input: 'label: dos\nstart=2048\n' });
    await expect(undoRestore({ workers, targetPath: target, store })).rejects.toMatchObject({
      code: 'target-changed',
      message: expect.stringContaining('nothing was written'),
    });
    const other = `${target}-other`;
    await makeGptDisk(other, 'other');
    await expect(undoRestore({ workers, targetPath: other, store })).rejects.toMatchObject({
      code: 'escrow-not-found',
    });
  });
});

test('of each disk the newest three are kept, blank disks need none, and none is a disk to restore', async () => {
  await withDisks(async (store, target) => {
    const names: (string | null)[] = [];
    for (let i = 0; i < 4; i++)
      names.push((await restoreImage({ workers, imageName: 'one', targetPath: target, store })).escrow);
    const kept = (await store.listManifests()).map(({ name }) => name).filter(isEscrowName);
    expect(kept).toEqual(names.slice(1));
    const blank = await makeRawDisk(`${target}-blank`, 24 * mib);
    expect((await restoreImage({ workers, imageName: 'one', targetPath: blank, store })).escrow).toBeNull();
    const restoring = restoreImage({ workers, imageName: kept[0] ?? '', targetPath: blank, store });
    await expect(restoring).rejects.toMatchObject({ code: 'invalid-input' });
  });
});

test('what a machine’s job has saved is that machine’s: another one that has a disk of that id pushes none of it out, and undo asks whose it is', async () => {
  await withDisks(async (store, target, before) => {
    const options = { workers, targetPath: target, store };
    const { escrow } = await restoreImage({ ...options, imageName: 'one', machine: 'victim' });
    expect(machineOfEscrow(escrow ?? '')).toBe('victim');
    const restored = await fs.readFile(target);
    for (let i = 0; i < 4; i++) await restoreImage({ ...options, imageName: 'one', machine: 'rogue' });
    const kept = (await store.listManifests()).map(({ name }) => name).filter(isEscrowName);
    expect(kept.map(machineOfEscrow)).toEqual(['rogue', 'rogue', 'rogue', 'victim']);
    for (const whose of [{}, { machine: 'other' }, { machine: 'victim/x' }]) {
      await expect(undoRestore({ ...options, ...whose })).rejects.toMatchObject({
        code: 'escrow-not-found',
        hint: expect.stringContaining('--machine'),
      });
    }
    expect((await fs.readFile(target)).equals(restored)).toBe(true);
    expect(await undoRestore({ ...options, machine: 'victim' })).toMatchObject({ escrow });
    expectSame(await fs.readFile(target), before, 0, mib);
    await undoRestore({ ...options, escrowName: kept[0] ?? '', force: true });
    expectSame(await fs.readFile(target), restored, 0, mib);
  });
});

test('a plan is kept to: an unchanged disk is restored, also after a cut, and one with another table is refused untouched', async () => {
  await withDisks(async (store, target, before) => {
    const options = { imageName: 'one', targetPath: target, store, workers };
    const plan = parsePlan(JSON.stringify(await planRestore(options))) as RestorePlan;
    expect(plan.target).toMatchObject({ path: target, sizeBytes: 24 * mib, sectorSizeBytes: 512 });
    expect(plan.present).toMatchObject({ table: 'gpt', partitions: [{ number: 1, startBytes: 4 * mib }] });
    expect((await fs.readFile(target)).equals(before)).toBe(true);
    const stop = new AbortController();
    const stopping = storeCountingGets(store, (count) => count > 9 && stop.abort());
    const cut = restoreImage({ ...options, plan, store: stopping, signal: stop.signal });
    await expect(cut).rejects.toMatchObject({ code: 'cancelled' });
    await restoreImage({ ...options, plan });
    const restored = await fs.readFile(target);
    await expect(restoreImage({ ...options, plan })).rejects.toMatchObject({
      code: 'target-changed',
      message: expect.stringContaining('nothing was written'),
    });
    expect((await fs.readFile(target)).equals(restored)).toBe(true);
  });
});

test('a plan for a disk of another size, or for an image that was replaced, is refused', async () => {
  await withDisks(async (store, target) => {
    const options = { imageName: 'one', targetPath: target, store, workers };
    const plan = await planRestore(options);
    const { sizeBytes } = plan.target;
    const smaller = { ...plan, target: { ...plan.target, sizeBytes: sizeBytes - mib } };
    await expect(restoreImage({ ...options, plan: smaller })).rejects.toThrow(
      /size in bytes was 24117248 and is 25165824/,
    );
    const replaced = { ...plan, image: { ...plan.image, rootDigest: '0'.repeat(64) } };
    await expect(restoreImage({ ...options, plan: replaced })).rejects.toMatchObject({ code: 'target-changed' });
  });
});
