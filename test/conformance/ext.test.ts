// Every kind of ext file system that mke2fs makes, against dumpe2fs and partclone, and back over random bytes.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mapDisk } from '../../imaging/map.ts';
import { invertToBlocks } from '../fixtures/block-runs.ts';
import { describeTree } from '../fixtures/describe-tree.ts';
import { type ExtCase, extCases, makeContents, makeExt } from '../fixtures/ext-cases.ts';
import { askDumpe2fs } from '../fixtures/ext-oracles.ts';
import { askPartclone } from '../fixtures/partclone.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { fileSystemConformance } from './file-system-conformance.ts';

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
  check: (filePath) => run('e2fsck', '-f', '-n', filePath),
  listFiles: async (filePath, scratch) => {
    // debugfs reads it without mounting it, which would replay and change.
    await mkdir(scratch);
    await run('debugfs', '-R', `rdump / ${scratch}`, filePath);
    return await describeTree(scratch);
  },
});

async function makeFilledExt(extCase: ExtCase, filePath: string): Promise<void> {
  await withTempDirectory(async (folder) => makeExt(extCase, filePath, await makeContents(folder)));
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
