import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { type RestoreOptions, restoreImage } from '../../imaging/restore.ts';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { storeCountingGets } from '../fixtures/fault-store.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { readMarkOf } from '../fixtures/unfinished-restore.ts';

const mib = 2 ** 20;

type Case = {
  readonly directory: string;
  readonly store: ChunkStore;
  readonly source: string;
  readonly target: string;
  restore(options?: Partial<RestoreOptions>): ReturnType<typeof restoreImage>;
};

/** An image 'one' of a disk of noise, 40 MiB, and a target that the test fills. */
async function withImage(work: (the: Case) => Promise<void>, bytes = noise(40 * mib, 'one')): Promise<void> {
  await withTempDirectory(async (directory) => {
    const store = openMemoryStore();
    const source = await makeRawDisk(path.join(directory, 'source'), bytes.length, [{ offsetBytes: 0, bytes }]);
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const target = path.join(directory, 'target');
    const restore: Case['restore'] = (options) =>
      restoreImage({ imageName: 'one', targetPath: target, store, ...options });
    await work({ directory, store, source, target, restore });
    execFileSync('cmp', [source, target]);
  });
}

async function change(file: string, ...offsetsBytes: number[]): Promise<void> {
  const handle = await fs.open(file, 'r+');
  for (const offsetBytes of offsetsBytes) await handle.write('changed', offsetBytes);
  await handle.close();
}

test('a disk that holds the image but for two chunks gets those two and its edges, and every byte counts as read back', async () => {
  await withImage(async ({ source, target, restore }) => {
    await fs.copyFile(source, target);
    await change(target, 7 * mib + 5, 30 * mib - 9);
    const result = await restore();
    expect(result).toMatchObject({ bytesReused: 36 * mib, bytesWritten: 4 * mib, bytesVerified: 40 * mib });
    expect(result.bytesFetched).toBeLessThan(4.2 * mib);
    expect(await readMarkOf(target)).toBeNull();
  });
});

test('a disk with other bytes is not compared but for a sample', async () => {
  await withImage(async ({ target, restore }) => {
    await fs.writeFile(target, noise(40 * mib, 'other'));
    expect(await restore()).toMatchObject({ bytesReused: 0, bytesWritten: 40 * mib, discarded: true });
  });
});

test('what is right is found on request though a sample would miss it, and ignored on request', async () => {
  await withImage(async ({ source, target, restore }) => {
    await fs.copyFile(source, target);
    const all = Array.from({ length: 39 }, (_, i) => i * mib);
    await change(target, ...all.filter((at) => at !== 17 * mib));
    expect(await restore({ delta: 'always' })).toMatchObject({ bytesReused: 2 * mib - mib });
    expect(await restore({ delta: 'never' })).toMatchObject({ bytesReused: 0, bytesWritten: 40 * mib });
  });
});

test('equal chunks are fetched once and copied on the target', async () => {
  const block = noise(mib, 'block');
  const bytes = Buffer.concat([noise(mib, 'first'), ...Array.from({ length: 20 }, () => block), noise(mib, 'last')]);
  await withImage(async ({ store, target, restore }) => {
    let gets = 0;
    const counting = storeCountingGets(store, (count) => {
      gets = count;
    });
    const result = await restore({ store: counting, delta: 'never' });
    expect(result).toMatchObject({ bytesCopied: 19 * mib, bytesVerified: 22 * mib });
    // Three different chunks and the segment.
    expect(gets).toBe(4);
    expect(await readMarkOf(target)).toBeNull();
  }, bytes);
});

test('a partition that has moved is copied on the target, where an image says what lies there', async () => {
  await withImage(async ({ store, target, restore, source }) => {
    const moved = Buffer.concat([noise(12 * mib, 'gap'), (await fs.readFile(source)).subarray(0, 28 * mib)]);
    await makeRawDisk(target, 40 * mib, [{ offsetBytes: 0, bytes: moved }]);
    await captureImage({ sourcePath: target, imageName: 'before', store, parentName: 'one' });
    // With more slots under way than the partition has moved by, some places would be overwritten before they are read.
    const result = await restore({ presentImageName: 'before', workers: 1 });
    // All but the edges.
    expect(result.bytesCopied).toBeGreaterThan(20 * mib);
    expect(result.bytesFetched).toBeLessThan(20 * mib);
  });
});

test('a partition that has moved is copied also out of what the image does not use, which is discarded after that', async () => {
  await withTempDirectory(async (directory) => {
    const content = noise(20 * mib, 'content');
    const swap = await makeRawDisk(path.join(directory, 'swap'), 22 * mib);
    execFileSync('mkswap', ['-q', swap]);
    const make = async (name: string, table: string, parts: Parameters<typeof makeRawDisk>[2]) => {
      const disk = await makeRawDisk(path.join(directory, name), 64 * mib, parts);
      execFileSync('sfdisk', ['-q', disk], { input: `label: dos\n${table}` });
      return disk;
    };
    const store = openMemoryStore();
    // Where the target has the partition now, the image has swap space, of which it uses the first page.
    const source = await make('source', 'start=8MiB, size=22MiB, type=82\nstart=40MiB, size=20MiB\n', [
      { offsetBytes: 8 * mib, bytes: (await fs.readFile(swap)).subarray(0, 4096) },
      { offsetBytes: 40 * mib, bytes: content },
    ]);
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const target = await make('target', 'start=9MiB, size=20MiB\n', [{ offsetBytes: 9 * mib, bytes: content }]);
    await captureImage({ sourcePath: target, imageName: 'before', store, parentName: 'one' });
    const result = await restoreImage({ imageName: 'one', targetPath: target, store, presentImageName: 'before' });
    expect(result).toMatchObject({ bytesCopied: 20 * mib, discarded: true });
    expect(result.bytesFetched).toBeLessThan(mib);
    execFileSync('cmp', [source, target]);
  });
});

test('only unused ranges are discarded when a disk is compared', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeExtDisk(path.join(directory, 'source'), 64 * mib, { one: noise(9 * mib, 'one') });
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const target = path.join(directory, 'target');
    await fs.copyFile(source, target);
    await fs.truncate(target, 96 * mib);
    const filler = await fs.open(target, 'r+');
    await filler.write(noise(32 * mib, 'beyond'), 0, 32 * mib, 64 * mib);
    await filler.close();
    const blocksBefore = (await fs.stat(target)).blocks;
    const result = await restoreImage({ imageName: 'one', targetPath: target, store });
    expect(result.discarded).toBe(true);
    expect(result.bytesReused).toBeGreaterThan(9 * mib);
    expect((await fs.stat(target)).blocks).toBeLessThan(blocksBefore - (20 * mib) / 512);
    execFileSync('e2fsck', ['-fn', target], { stdio: 'ignore' });
  });
});

test('whatever is on the target, and whatever an image says is there, what was captured comes out', async () => {
  // Disks of eight slots, each one of four contents: moved, doubled, zero and foreign ones in every order.
  const slots = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 8, maxLength: 8 });
  const chunkSizeBytes = 65536;
  const contents = [0, 1, 2, 3, 4].map((i) => (i === 0 ? Buffer.alloc(chunkSizeBytes) : noise(chunkSizeBytes, `${i}`)));
  const toBytes = (picks: readonly number[]) => Buffer.concat(picks.map((pick) => contents[pick] as Buffer));
  const edge = { head: noise(mib, 'head'), tail: noise(mib, 'tail') };
  const toDisk = (picks: readonly number[]) => Buffer.concat([edge.head, toBytes(picks), edge.tail]);
  await fc.assert(
    fc.asyncProperty(slots, slots, slots, fc.boolean(), async (wanted, claimed, there, told) => {
      await withTempDirectory(async (directory) => {
        const store = openMemoryStore();
        const put = async (name: string, picks: readonly number[]) => {
          const file = path.join(directory, name);
          await fs.writeFile(file, toDisk(picks));
          await captureImage({ sourcePath: file, imageName: name, store, chunkSizeBytes, workers: 1 });
        };
        await put('wanted', wanted);
        await put('claimed', claimed);
        const target = path.join(directory, 'target');
        await fs.writeFile(target, toDisk(there));
        const claim = told ? { presentImageName: 'claimed' } : {};
        await restoreImage({ imageName: 'wanted', targetPath: target, store, workers: 1, ...claim });
        expect((await fs.readFile(target)).equals(toDisk(wanted))).toBe(true);
      });
    }),
    { numRuns: 10 },
  );
}, 60_000);
