// FAT in sectors of another size, held against fsck.fat, mtools, blkid and every file.
import { open, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { openReader } from '../../imaging/blockdev/open-reader.ts';
import { captureImage } from '../../imaging/capture.ts';
import { convertFat } from '../../imaging/fit/convert-fat.ts';
import { mapDisk } from '../../imaging/map.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { restorePartition } from '../../imaging/restore-partition.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeRawDisk } from '../fixtures/disks.ts';
import { type FatCase, fatCases, makeEmptyFat, makeFat } from '../fixtures/fat-cases.ts';
import { listFatFiles } from '../fixtures/fat-oracles.ts';
import { writeGpt } from '../fixtures/gpt-table.ts';
import { tool } from '../fixtures/grow-cases.ts';
import { withLoop } from '../fixtures/mounts.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;

/** The file as a FAT in such sectors, written over it; or why not. */
async function convert(file: string, sectorSizeBytes: 512 | 4096): Promise<string | null> {
  const reader = await openReader(file);
  const patches = await convertFat(reader, { oldStartBytes: mib, startBytes: mib, sectorSizeBytes });
  await reader.close();
  if (typeof patches === 'string') return patches;
  for (const { offsetBytes, bytes } of patches) await writeAt(file, offsetBytes, bytes);
  return null;
}

async function writeAt(file: string, offsetBytes: number, bytes: Buffer): Promise<void> {
  await using handle = await open(file, 'r+');
  await handle.write(bytes, 0, bytes.length, offsetBytes);
}

async function looksOf(file: string) {
  const [map] = (await mapDisk(file)).partitions;
  const said = tool('fsck.fat', '-v', '-n', file);
  const number = (pattern: RegExp) => Number(pattern.exec(said)?.[1]);
  return {
    ...{ reader: map?.reader, uuid: map?.fileSystemUuid, label: map?.fileSystemLabel, used: map?.usedBytes },
    ...{ clusters: number(/(\d+) data clusters/), data: number(/Data area starts at byte (\d+)/) },
    verdict: said.split('\n').at(-2)?.replace(/^.*: /, ''),
    sector: number(/(\d+) bytes per logical sector/),
  };
}

const made = (name: string, flags: string) => ({
  name,
  flags: `-F 32 -s 8 ${flags}`,
  sizeKiB: 300 * 1024,
  largestKiB: 1,
});
const cases: readonly FatCase[] = [
  ...fatCases,
  made('FAT32 that fills three such sectors with its reserved area', '-R 24'),
  made('FAT32 with a reserved area that is too short', '-R 16 -a'),
  made('FAT32 with a FAT that starts inside such a sector', '-R 33 -a'),
];
const possible = /16 KiB clusters|4096-byte|64 KiB clusters|4 KiB clusters|three such sectors/;
const refused =
  /^its FAT has clusters of \d+ bytes$|^the parts of its FAT do not start|^its FAT has no room for its boot sector/;

test.for(cases)('$name: in sectors of 4096 bytes and back, or not and why', async (fatCase) => {
  await withTempDirectory(async (directory) => {
    const file = path.join(directory, 'fat');
    await makeEmptyFat(fatCase, file);
    const before = await looksOf(file);
    const why = await convert(file, 4096);
    if (!possible.test(fatCase.name)) return void expect(why).toMatch(refused);
    expect(why).toBeNull();
    expect(await looksOf(file)).toEqual({ ...before, sector: 4096 });
    expect(await convert(file, 512)).toBeNull();
    expect(await looksOf(file)).toEqual({ ...before, sector: 512 });
  });
});

const espBytes = 300 * mib;
const esp = { name: 'ESP', sizeKiB: espBytes / 1024, flags: '-F 32 -s 8 -n ESP -h 2048', largestKiB: 3000 };

/** A GPT disk with 512-byte sectors, an EFI system partition and an ext4. */
async function makeDisk(directory: string): Promise<{ disk: string; fat: string }> {
  const disk = await makeRawDisk(path.join(directory, 'source'), 320 * mib);
  writeGpt(disk, [
    { atMib: 1, sizeMib: 300, type: 'uefi' },
    { atMib: 302, sizeMib: 16 },
  ]);
  const fat = path.join(directory, 'fat');
  await makeFat(esp, fat);
  tool('dd', `if=${fat}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc,sparse');
  tool('mkfs.ext4', '-q', '-F', '-b', '4096', '-E', `offset=${302 * mib}`, disk, '16M');
  return { disk, fat };
}

async function cutEsp(disk: string, file: string): Promise<string> {
  tool('dd', `if=${disk}`, `of=${file}`, 'bs=1M', 'skip=1', 'count=300', 'conv=sparse');
  return file;
}

/** Both FATs: what is behind them is also deleted files, which an image leaves out. */
const fatsOf = async (file: string, dataAtBytes: number) => (await readFile(file)).subarray(32 * 512, dataAtBytes);
const hiddenIn = async (file: string) => (await readFile(file)).readUInt32LE(28);

test('a disk with an EFI system partition goes onto sectors of 4096 bytes and back, whole or that partition alone, and every file with it', async () => {
  await withTempDirectory(async (directory) => {
    const at = (name: string) => path.join(directory, name);
    const { disk, fat } = await makeDisk(directory);
    const before = await looksOf(fat);
    const files = await listFatFiles(fat, at('files'));
    const store = openMemoryStore();
    const options = { store, workers: 1 };
    await captureImage({ ...options, sourcePath: disk, imageName: 'one' });

    const large = await makeRawDisk(at('large'), 320 * mib);
    await withLoop(large, ['--sector-size', '4096'], async (device) => {
      await restoreImage({ ...options, imageName: 'one', targetPath: device });
      expect(tool('sgdisk', '-v', device)).toMatch(/No problems found/);
      await captureImage({ ...options, sourcePath: device, imageName: 'two' });
    });
    const moved = await cutEsp(large, at('moved'));
    expect(await looksOf(moved)).toEqual({ ...before, sector: 4096 });
    expect(await listFatFiles(moved, at('moved-files'))).toEqual(files);
    expect((await fatsOf(moved, before.data)).equals(await fatsOf(fat, before.data))).toBe(true);
    expect(await hiddenIn(moved)).toBe(256);

    const back = await makeRawDisk(at('back'), 320 * mib);
    await withLoop(back, [], async (device) => {
      await restoreImage({ ...options, imageName: 'two', targetPath: device, newIds: true });
    });
    const returned = await cutEsp(back, at('returned'));
    expect(await looksOf(returned)).toEqual({
      ...before,
      sector: 512,
      uuid: expect.not.stringMatching(before.uuid ?? ''),
    });
    expect(await listFatFiles(returned, at('returned-files'))).toEqual(files);
    expect(await hiddenIn(returned)).toBe(2048);

    await withLoop(large, ['--sector-size', '4096'], async (device) => {
      tool('dd', 'if=/dev/zero', `of=${device}`, 'bs=1M', 'seek=1', 'count=2', 'status=none');
      await restorePartition({ ...options, imageName: 'one', targetPath: device, partition: 1 });
    });
    const alone = await cutEsp(large, at('alone'));
    expect((await readFile(alone)).equals(await readFile(moved))).toBe(true);
  });
});

test.for([
  ['-F 32 -s 1', /partition 1: its FAT has clusters of 512 bytes.*nothing was written/],
  ['-F 32 -s 8', /partition 1: its FAT was not sound when it was captured.*nothing was written/],
] as const)('a FAT that cannot go there refuses the disk: mkfs.fat %s', async ([flags, message]) => {
  await withTempDirectory(async (directory) => {
    const disk = await makeRawDisk(path.join(directory, 'source'), 42 * mib);
    writeGpt(disk, [{ atMib: 1, sizeMib: 40 }]);
    const fat = path.join(directory, 'fat');
    await makeEmptyFat({ sizeKiB: 40 * 1024, flags }, fat);
    // Not unmounted cleanly.
    if (flags === '-F 32 -s 8') await writeAt(fat, 65, Buffer.from([1]));
    tool('dd', `if=${fat}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc,sparse');
    const store = openMemoryStore();
    await captureImage({ sourcePath: disk, imageName: 'one', store, workers: 1 });
    const target = await makeRawDisk(path.join(directory, 'target'), 42 * mib);
    await withLoop(target, ['--sector-size', '4096'], async (targetPath) => {
      const restoring = restoreImage({ imageName: 'one', targetPath, store });
      await expect(restoring).rejects.toMatchObject({
        code: 'target-sector-size',
        message: expect.stringMatching(message),
      });
    });
  });
});
