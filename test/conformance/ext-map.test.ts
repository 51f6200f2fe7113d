// The ext reader against dumpe2fs and partclone, over every kind of ext file system that mke2fs makes.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mapDisk } from '../../imaging/map.ts';
import { extCases, makeContents, makeExt } from '../fixtures/ext-cases.ts';
import { askDumpe2fs, askPartclone, invertToBlocks } from '../fixtures/ext-oracles.ts';
import { run } from '../fixtures/run.ts';

let folder = '';
let contents = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ext-map-'));
  contents = await makeContents(folder);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the used map of', () => {
  test.concurrent.for(extCases.map((extCase, i) => ({ ...extCase, i })))('$name', async (extCase, { expect }) => {
    const filePath = join(folder, `case-${extCase.i}.img`);
    await makeExt(extCase, filePath, contents);
    const map = await mapDisk(filePath);
    expect(map.partitions[0]).toMatchObject({ reader: 'ext', notes: [] });
    const witness = await askDumpe2fs(filePath);
    expect(invertToBlocks(map.used, witness)).toEqual(witness.free);
    const partclone = await askPartclone(filePath);
    // partclone refuses bigalloc; everything else it must have an opinion on.
    if (extCase.make.includes('bigalloc')) expect(partclone).toBeNull();
    else expect(invertToBlocks(partclone ?? [], witness)).toEqual(witness.free);
    await rm(filePath);
  });
});

test('an ext4 whose journal has not been replayed is captured sector by sector', async () => {
  const filePath = join(folder, 'dirty.img');
  await makeExt({ name: '', sizeKiB: 65536, make: '-t ext4' }, filePath, contents);
  await run('debugfs', '-w', '-R', 'feature needs_recovery', filePath);
  const map = await mapDisk(filePath);
  expect(map.partitions[0]).toMatchObject({ reader: 'raw', fileSystem: 'ext4', usedBytes: 65536 * 1024 });
  expect(map.partitions[0]?.notes.join()).toMatch(/journal has not been replayed/);
});
