// Restores onto disks of another size or with other sectors, held against sgdisk, sfdisk and the file systems' own tools.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { fitShrunkImage } from '../../imaging/fit/fit-image.ts';
import { openImageReader } from '../../imaging/image-reader.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { writeGpt } from '../fixtures/gpt-table.ts';
import { withLoop } from '../fixtures/mounts.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;

const tool = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** Puts the bytes of `file` at `offsetBytes` of a disk file. */
async function putFile(disk: string, file: string, offsetBytes: number): Promise<void> {
  tool('dd', `if=${file}`, `of=${disk}`, 'bs=64K', 'conv=notrunc,sparse', 'oflag=seek_bytes', `seek=${offsetBytes}`);
  await fs.rm(file);
}

async function cutFile(disk: string, file: string, offsetBytes: number, lengthBytes: number): Promise<string> {
  tool(
    'dd',
    `if=${disk}`,
    `of=${file}`,
    'bs=64K',
    'conv=sparse',
    'iflag=skip_bytes,count_bytes',
    `skip=${offsetBytes}`,
    `count=${lengthBytes}`,
  );
  await fs.truncate(file, lengthBytes);
  return file;
}

/** A GPT disk of 64 MiB: an ext4 from 1 to 25 MiB, swap from 25 to 33 MiB, and free space. */
async function makeGptDisk(directory: string, sectorSizeBytes = 512): Promise<string> {
  const disk = await makeRawDisk(path.join(directory, 'source'), 64 * mib);
  await withLoop(disk, ['--sector-size', String(sectorSizeBytes)], async (device) => {
    const parts = [
      { atMib: 1, sizeMib: 24 },
      { atMib: 25, sizeMib: 8, type: 'swap' },
    ];
    writeGpt(device, parts, sectorSizeBytes);
  });
  const files = { one: noise(3 * mib, 'one'), two: Buffer.alloc(mib, 'text ') };
  await putFile(disk, await makeExtDisk(path.join(directory, 'ext'), 24 * mib, files), mib);
  const swap = await makeRawDisk(path.join(directory, 'swap'), 8 * mib);
  tool('mkswap', '-q', '-U', '11111111-2222-3333-4444-555555555555', swap);
  await putFile(disk, swap, 25 * mib);
  return disk;
}

async function expectSoundGpt(disk: string, sectorSizeBytes = 512): Promise<void> {
  await withLoop(disk, ['--sector-size', String(sectorSizeBytes)], async (device) => {
    const verdict = tool('sgdisk', '-v', device);
    expect(verdict).toMatch(/No problems found/);
  });
}

async function expectSameExt(source: string, target: string, directory: string): Promise<void> {
  const [a, b] = [
    await cutFile(source, path.join(directory, 'a'), mib, 24 * mib),
    await cutFile(target, path.join(directory, 'b'), mib, 24 * mib),
  ];
  tool('e2fsck', '-fn', b);
  for (const name of ['one', 'two']) {
    const dump = (file: string) =>
      execFileSync('debugfs', ['-R', `cat ${name}`, file], { stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 2 ** 28 });
    expect(dump(a).equals(dump(b)), name).toBe(true);
  }
}

describe('R14: a GPT disk goes', () => {
  test.for([
    ['a larger one', 100 * mib],
    ['one that is larger by a sector', 64 * mib + 512],
    ['the smallest one that holds its partitions', 33 * mib + 33 * 512],
  ] as const)('to %s, with its backup table at the real end', async ([, sizeBytes]) => {
    await withTempDirectory(async (directory) => {
      const source = await makeGptDisk(directory);
      const target = await makeRawDisk(path.join(directory, 'target'), sizeBytes, [
        { offsetBytes: 0, bytes: noise(sizeBytes, 'before') },
      ]);
      const store = openMemoryStore();
      const { rootDigest } = await captureImage({ sourcePath: source, imageName: 'one', store });
      await withLoop(target, [], async (device) => {
        const restored = await restoreImage({ imageName: 'one', targetPath: device, store });
        expect(restored).toMatchObject({ rootDigest, warnings: [] });
      });
      await expectSoundGpt(target);
      await expectSameExt(source, target, directory);
      if (sizeBytes > 64 * mib + 512) {
        const old = (await fs.readFile(target)).subarray(64 * mib - 33 * 512, 64 * mib);
        expect(old.equals(Buffer.alloc(old.length))).toBe(true);
      }
    });
  });

  test('nowhere where its last partition does not fit, and is told the size that would do', async () => {
    await withTempDirectory(async (directory) => {
      const source = await makeGptDisk(directory);
      const needed = 33 * mib + 33 * 512;
      const target = await makeRawDisk(path.join(directory, 'target'), needed - 512, [
        { offsetBytes: 0, bytes: Buffer.from('precious') },
      ]);
      const store = openMemoryStore();
      await captureImage({ sourcePath: source, imageName: 'one', store });
      await expect(restoreImage({ imageName: 'one', targetPath: target, store })).rejects.toMatchObject({
        code: 'target-too-small',
        hint: `Restore to a disk of at least ${needed} bytes.`,
        message: expect.stringContaining('nothing was written'),
      });
      expect((await fs.readFile(target)).toString('latin1', 0, 8)).toBe('precious');
    });
  });

  test.for([
    [512, 4096],
    [4096, 512],
  ] as const)('from sectors of %i to sectors of %i bytes when what is in it can', async ([from, to]) => {
    await withTempDirectory(async (directory) => {
      const source = await makeGptDisk(directory, from);
      // mkfs.ext4 chooses blocks of 1024 bytes for so small a file system.
      tool('mkfs.ext4', '-q', '-F', '-b', '4096', '-E', `offset=${mib}`, '-d', directory, source, '24M');
      const target = await makeRawDisk(path.join(directory, 'target'), 64 * mib);
      const store = openMemoryStore();
      await withLoop(source, ['--sector-size', String(from)], (device) =>
        captureImage({ sourcePath: device, imageName: 'one', store }),
      );
      await withLoop(target, ['--sector-size', String(to)], async (device) => {
        await restoreImage({ imageName: 'one', targetPath: device, store });
        expect(tool('sfdisk', '--json', device)).toContain(`"start": ${mib / to}`);
        expect(tool('blkid', '-p', '-o', 'value', '-s', 'TYPE', '-O', String(mib), device).trim()).toBe('ext4');
      });
      await expectSoundGpt(target, to);
      await withLoop(
        target,
        ['--sector-size', String(to), '-o', String(mib), '--sizelimit', String(24 * mib)],
        async (device) => {
          tool('e2fsck', '-fn', device);
          const folder = path.join(directory, 'mount');
          await fs.mkdir(folder);
          tool('mount', '-o', 'ro', device, folder);
          tool('umount', folder);
        },
      );
    });
  });

  test('nowhere where a file system cannot live with the sectors, and is told why', async () => {
    await withTempDirectory(async (directory) => {
      const source = await makeGptDisk(directory);
      const fat = await makeRawDisk(path.join(directory, 'fat'), 8 * mib);
      tool('mkfs.vfat', fat);
      await putFile(source, fat, 25 * mib);
      const target = await makeRawDisk(path.join(directory, 'target'), 64 * mib);
      const store = openMemoryStore();
      await captureImage({ sourcePath: source, imageName: 'one', store });
      await withLoop(target, ['--sector-size', '4096'], async (device) => {
        const restoring = restoreImage({ imageName: 'one', targetPath: device, store });
        await expect(restoring).rejects.toMatchObject({
          code: 'target-sector-size',
          message: expect.stringMatching(
            /partition 1: its ext4 reads and writes 1024 bytes at a time.*nothing was written/,
          ),
        });
      });
    });
  });
});

test('an image in which a partition is shrunk is laid out for a smaller disk, what follows it moved up', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeGptDisk(directory);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    await withLoop(source, ['-o', String(mib), '--sizelimit', String(24 * mib)], async (device) => {
      tool('e2fsck', '-fp', device);
      tool('resize2fs', device, '9M');
    });
    await captureImage({ sourcePath: source, imageName: 'shrunk', store });
    const load = async (name: string) => ({ manifest: await loadManifest(store, name), store });
    const disk = { kind: 'file', exists: true, sectorSizeBytes: 512, label: 'a disk' } as const;
    const to = { number: 1, newSizeBytes: 9 * mib + 4096, shrunk: await load('shrunk') };
    const needed = 19 * mib + 33 * 512;
    const small = fitShrunkImage(await load('one'), { ...disk, sizeBytes: needed - 512 }, to);
    await expect(small).rejects.toMatchObject({
      code: 'target-too-small',
      message: expect.stringContaining(`needs ${needed}`),
    });
    const fitted = await fitShrunkImage(await load('one'), { ...disk, sizeBytes: needed }, to);
    const target = path.join(directory, 'target');
    await fs.writeFile(target, await openImageReader(fitted.store, fitted.manifest).read(0, needed));
    await expectSoundGpt(target);
    const ext = await cutFile(target, path.join(directory, 'ext'), mib, 9 * mib + 4096);
    tool('e2fsck', '-fn', ext);
    const swap = await cutFile(target, path.join(directory, 'swap'), 11 * mib, 8 * mib);
    expect(tool('blkid', '-p', '-o', 'value', '-s', 'UUID', swap).trim()).toBe('11111111-2222-3333-4444-555555555555');
  });
});
