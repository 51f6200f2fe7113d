// R13: a restore of one partition keeps the promises of a whole disk's: what is right stays, a cut costs nothing, a plan is kept to, undo.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { isEscrowName } from '../../imaging/manifest/image-name.ts';
import { mapDisk } from '../../imaging/map.ts';
import { type PartitionPlan, parsePlan, planPartition } from '../../imaging/plan-partition.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { type RestorePartitionOptions, restorePartition } from '../../imaging/restore-partition.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { type UndoOptions, undoRestore } from '../../imaging/undo.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { storeCountingGets } from '../fixtures/fault-store.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { expectUnfinished, readMarkOf } from '../fixtures/unfinished-restore.ts';

const mib = 2 ** 20;
const [start, end] = [6 * mib, 20 * mib];

type Case = {
  readonly store: ChunkStore;
  /** What was captured as 'one', and a disk of another system: its partition 2 lies elsewhere, and is longer. */
  readonly source: string;
  readonly target: string;
  restore(options?: Partial<RestorePartitionOptions>): ReturnType<typeof restorePartition>;
  undo(options?: Partial<UndoOptions>): ReturnType<typeof undoRestore>;
};

async function makeDisk(file: string, second: string): Promise<string> {
  await makeRawDisk(file, 24 * mib, [{ offsetBytes: 0, bytes: noise(24 * mib, file) }]);
  const lines = ['label: dos', 'start=2048, size=6144, type=83', `${second}, type=83`];
  execFileSync('sfdisk', ['-q', '--force', '-w', 'always', '-W', 'never', file], { input: lines.join('\n') });
  return file;
}

/** `write` changes the disk to be captured. */
async function withDisks(work: (the: Case) => Promise<void>, write = async (_source: string) => {}): Promise<void> {
  await withTempDirectory(async (directory) => {
    const store = openMemoryStore();
    const source = await makeDisk(path.join(directory, 'source'), 'start=16384, size=24576');
    await write(source);
    await captureImage({ sourcePath: source, imageName: 'one', store, workers: 1 });
    const target = await makeDisk(path.join(directory, 'target'), 'start=12288, size=28672');
    const to = { targetPath: target, store, workers: 1 };
    const restore: Case['restore'] = (options) =>
      restorePartition({ ...to, imageName: 'one', partition: 2, ...options });
    await work({ store, source, target, restore, undo: (options) => undoRestore({ ...to, ...options }) });
  });
}

async function writeAt(file: string, bytes: Buffer | string, offsetBytes: number): Promise<void> {
  await using handle = await fs.open(file, 'r+');
  await handle.write(Buffer.from(bytes), 0, Buffer.byteLength(bytes), offsetBytes);
}

function expectSame(a: Buffer, b: Buffer, startBytes: number, endBytes: number): void {
  expect(a.compare(b, startBytes, endBytes, startBytes, endBytes)).toBe(0);
}

/** The disk is as it was but in partition 2, whose start is what was captured. */
async function expectRestored({ source, target }: Case, before: Buffer): Promise<void> {
  const after = await fs.readFile(target);
  expectSame(after, before, 0, start);
  expectSame(after, before, end, before.length);
  expect(after.compare(await fs.readFile(source), 8 * mib, end, start, start + 12 * mib)).toBe(0);
  expect(await readMarkOf(target, start)).toBeNull();
}

/** Restores, and stops when so many chunks were asked for. */
async function cutRestore({ store, restore, target }: Case, afterGets: number, options = {}): Promise<void> {
  const stop = new AbortController();
  const counting = storeCountingGets(store, (count) => count > afterGets && stop.abort());
  const cut = restore({ ...options, store: counting, signal: stop.signal });
  await expect(cut).rejects.toMatchObject({ code: 'cancelled', message: expect.stringContaining('is incomplete') });
  await expectUnfinished(target, 'one', start);
}

test('a partition that holds the image but for one chunk gets that one and its edges, and the rest stays', async () => {
  await withDisks(async (the) => {
    await writeAt(the.target, (await fs.readFile(the.source)).subarray(8 * mib, end), start);
    await writeAt(the.target, 'changed', start + 5 * mib);
    const before = await fs.readFile(the.target);
    const result = await the.restore();
    expect(result).toMatchObject({ bytesReused: 9 * mib, bytesWritten: 3 * mib, bytesVerified: 12 * mib });
    expect(result.bytesFetched).toBeLessThan(3.1 * mib);
    await expectRestored(the, before);
  });
});

test('a partition whose chunks lie elsewhere in it gets them from there, where an image of the disk says so', async () => {
  await withDisks(async (the) => {
    await writeAt(the.target, (await fs.readFile(the.source)).subarray(8 * mib, 18 * mib), start + 3 * mib);
    await captureImage({ sourcePath: the.target, imageName: 'before', store: the.store, workers: 1 });
    const before = await fs.readFile(the.target);
    const result = await the.restore({ presentImageName: 'before', delta: 'always' });
    expect(result.bytesCopied).toBeGreaterThanOrEqual(3 * mib);
    expect(result.bytesFetched + result.bytesCopied).toBeLessThan(12.1 * mib);
    await expectRestored(the, before);
  });
});

test('a restore that is cut leaves table and neighbours as they were, goes on, and undo leads back to before both', async () => {
  await withDisks(async (the) => {
    const { store, target, restore, undo } = the;
    const before = await fs.readFile(target);
    await cutRestore(the, 9);
    expectSame(await fs.readFile(target), before, 0, start);
    const { notes, partitions } = await mapDisk(target);
    expect(notes ?? []).toEqual([]);
    expect(partitions[0]?.notes.join()).not.toContain('unfinished');
    expect(partitions[1]?.notes[0]).toContain("a restore of 'one' was left unfinished on it");
    const { bytesReused, bytesFetched, escrow } = await restore();
    // Two segments were asked for, and one thread has six slots in flight.
    expect(bytesReused).toBeGreaterThanOrEqual(mib);
    expect(bytesFetched + bytesReused).toBeLessThan(12.1 * mib);
    await expectRestored(the, before);
    expect((await store.listManifests()).map(({ name }) => name).filter(isEscrowName)).toEqual([escrow]);
    const restored = await fs.readFile(target);
    expect(await undo()).toMatchObject({ escrow, partition: 2, imageName: 'one', bytesVerified: 2 * mib });
    const after = await fs.readFile(target);
    expectSame(after, before, 0, start + mib);
    expectSame(after, restored, start + mib, end - mib);
    expectSame(after, before, end - mib, before.length);
  });
});

test('a plan is kept to, also after a cut; another table, other content or another place of the partition refuses it untouched', async () => {
  await withDisks(async (the) => {
    const { store, target, restore } = the;
    const planned = await planPartition({ imageName: 'one', targetPath: target, store, partition: 2 });
    const plan = parsePlan(JSON.stringify(planned)) as PartitionPlan;
    expect(plan.partition).toMatchObject({ from: 2, number: 2, startBytes: start, sizeBytes: end - start });
    const before = await fs.readFile(target);
    const refused = async (message: string) => {
      const changed = await fs.readFile(target);
      const restoring = restore({ plan });
      await expect(restoring).rejects.toMatchObject({
        code: 'target-changed',
        message: expect.stringContaining(message),
      });
      expect((await fs.readFile(target)).equals(changed)).toBe(true);
      await fs.writeFile(target, before);
    };
    await writeAt(target, 'written to since', start + 4096);
    await refused('the first or last MiB');
    execFileSync('sfdisk', ['-q', '--force', '-W', 'never', '-N', '1', target], {
      input: 'start=2048, size=2048, type=83',
    });
    await refused('its partition table has changed');
    await expect(restore({ plan, toPartition: 1, partition: 1 })).rejects.toMatchObject({ code: 'target-changed' });
    await cutRestore(the, 9, { plan });
    await restore({ plan });
    await expectRestored(the, before);
  });
});

test('undo refuses a partition that something else was written to, or that lies elsewhere; three escrows of it are kept, and the whole disk’s', async () => {
  const writeExt = async (source: string) => {
    const ext = await makeExtDisk(`${source}-ext`, 12 * mib, {});
    await writeAt(source, await fs.readFile(ext), 8 * mib);
  };
  await withDisks(async ({ store, target, restore, undo }) => {
    const whole = await restoreImage({ imageName: 'one', targetPath: target, store, workers: 1 });
    for (let i = 0; i < 4; i++) await restore();
    const kept = (await store.listManifests()).map(({ name }) => name).filter(isEscrowName);
    expect(kept).toHaveLength(4);
    expect(kept).toContain(whole.escrow);
    const at = 8 * mib + 1024 + 104;
    const uuid = (await fs.readFile(target)).subarray(at, at + 16);
    await writeAt(target, Buffer.alloc(16, 7), at);
    await expect(undo()).rejects.toMatchObject({
      code: 'target-changed',
      message: expect.stringMatching(/the partition does not hold.*nothing was written/),
    });
    await writeAt(target, uuid, at);
    execFileSync('sfdisk', ['-q', '--force', '-W', 'never', '-N', '2', target], { input: 'start=16384, size=20480' });
    await expect(undo()).rejects.toMatchObject({ message: expect.stringContaining('is not where it was') });
    execFileSync('sfdisk', ['-q', '--force', '-W', 'never', '-N', '2', target], { input: 'start=16384, size=24576' });
    expect(await undo()).toMatchObject({ partition: 2 });
  }, writeExt);
});
