// Every kind of ext file system that mke2fs makes, against dumpe2fs and partclone, and back over random bytes.
import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { totalBytes } from '../../imaging/extent.ts';
import { mapDisk } from '../../imaging/map.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { invertToBlocks } from '../fixtures/block-runs.ts';
import { describeTree } from '../fixtures/describe-tree.ts';
import { type ExtCase, extCases, makeContents, makeExt } from '../fixtures/ext-cases.ts';
import { askBlankTables, askDumpe2fs } from '../fixtures/ext-oracles.ts';
import { askPartclone } from '../fixtures/partclone.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { bringBack, fileSystemConformance } from './file-system-conformance.ts';

const mib = 2 ** 20;
/** The larger ones repeat features of the smaller; filling them with random bytes takes long. */
const largestKiB = 256 * 1024 + 4;

fileSystemConformance({
  reader: 'ext',
  cases: extCases.map((extCase) => ({
    ...extCase,
    flags: extCase.make,
    make: (filePath: string) => makeFilledExt(extCase, filePath),
    roundTrip: Math.max(extCase.sizeKiB, extCase.resizeKiB ?? 0) <= largestKiB,
  })),
  askWitnesses: async (filePath, { flags }) => {
    const witness = await askDumpe2fs(filePath);
    const used = await askPartclone('ext4', filePath);
    // partclone refuses bigalloc; everything else it must have an opinion on.
    expect(used === null).toBe(flags.includes('bigalloc'));
    return used === null ? [witness] : [witness, { ...witness, free: invertToBlocks(used, witness) }];
  },
  askBlank: askBlankTables,
  check: (filePath) => run('e2fsck', '-f', '-n', filePath),
  listFiles: async (filePath, scratch) => {
    // debugfs reads it without mounting it, which would replay and change.
    await mkdir(scratch);
    await run('debugfs', '-R', `rdump / ${scratch}`, filePath);
    return await describeTree(scratch);
  },
});

async function makeFilledExt(extCase: ExtCase, filePath: string): Promise<void> {
  await makeExt(extCase, filePath, await makeContents());
  // mke2fs and debugfs leave the quota files behind; fsck brings them up to date, so that it is silent afterwards.
  if (extCase.make.includes('quota')) await run('e2fsck', '-f', '-y', filePath).catch(() => undefined);
}

test('an ext4 whose journal has not been replayed is captured sector by sector', async () => {
  await withTempDirectory(async (folder) => {
    const filePath = join(folder, 'dirty.img');
    await makeFilledExt({ name: '', sizeKiB: 65536, make: '-t ext4' }, filePath);
    await run('debugfs', '-w', '-R', 'feature needs_recovery', filePath);
    const map = await mapDisk(filePath);
    expect(map.partitions[0]).toMatchObject({ reader: 'raw', fileSystem: 'ext4', usedBytes: 65536 * 1024 });
    expect(map.partitions[0]?.notes.join()).toMatch(/journal has not been replayed/);
  });
});

test('inode tables without an inode are not read, come back as zeros, and harm nobody when their descriptor is damaged', async () => {
  await withTempDirectory(async (folder) => {
    const source = join(folder, 'source.img');
    // On a disk that held something else, with tables that neither mke2fs nor a kernel has zeroed.
    await writeFile(source, randomBytes(64 * mib));
    const make = ['-q', '-F', '-t', 'ext4', '-b', '1024', '-E', 'nodiscard,lazy_itable_init=1'];
    await run('mke2fs', ...make, '-d', await makeContents(), source);
    const blank = (await askBlankTables(source)).map(([first, last]) => ({
      startBytes: first * 1024,
      lengthBytes: (last + 1 - first) * 1024,
    }));
    expect(totalBytes(blank)).toBeGreaterThan(3 * mib);
    const store = openMemoryStore();
    const { usedBytes, bytesRead } = await captureImage({ sourcePath: source, imageName: 'one', store, workers: 1 });
    expect(usedBytes - bytesRead).toBe(totalBytes(blank));

    const target = await bringBack(source, folder);
    await run('e2fsck', '-f', '-n', target);
    const bytes = await readFile(target);
    for (const { startBytes, lengthBytes } of blank)
      expect(bytes.subarray(startBytes, startBytes + lengthBytes).equals(Buffer.alloc(lengthBytes))).toBe(true);

    const list = async (filePath: string, name: string) => {
      await mkdir(join(folder, name));
      await run('debugfs', '-R', `rdump / ${join(folder, name)}`, filePath);
      return await describeTree(join(folder, name));
    };
    const files = await list(source, 'before');
    // e2fsck no longer believes that the table of such a group is empty, and reads it.
    const damaged = await damageDescriptor(target, source, 1);
    expect(damaged.target).toMatch(/descriptor 1 checksum is/);
    expect(damaged.source).toMatch(/inode 20\d\d/i);
    expect(damaged.target).not.toMatch(/inode \d/i);
    expect(await list(target, 'after')).toEqual(files);
  });
});

/** What e2fsck says of each of the two when it mends them, once the checksum of a group's descriptor is wrong. */
async function damageDescriptor(target: string, source: string, group: number) {
  const mend = async (filePath: string, worst: number) => {
    await using handle = await open(filePath, 'r+');
    // The descriptors, of 64 bytes, start in block 2.
    await handle.write(Buffer.of(0xff, 0xff), 0, 2, 2 * 1024 + group * 64 + 0x1e);
    return await run('bash', '-c', 'e2fsck -f -y "$1" || [ $? -le $2 ]', 'bash', filePath, `${worst}`);
  };
  // Garbage may be more than one run mends.
  return { target: await mend(target, 1), source: await mend(source, 4) };
}
