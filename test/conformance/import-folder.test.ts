// Folders as Clonezilla and FOG leave them, filled by the tools that those use, come in as whole disks.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportImage } from '../../imaging/export.ts';
import { importImage } from '../../imaging/import.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { cloneWithPartclone } from '../fixtures/partclone.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const MiB = 2 ** 20;
const uuid = '3f2504e0-4f89-11d3-9a0c-0305e82c3301';

/** A disk with two file systems and swap, and their partclone images in a folder. */
async function makeDisk(folder: string, script: string, places: readonly number[]) {
  const disk = await makeRawDisk(join(folder, 'disk'), 64 * MiB, [{ offsetBytes: 0, bytes: noise(440, 'boot code') }]);
  execFileSync('sfdisk', ['-q', disk], { input: script });
  for (const [i, place] of places.entries()) {
    const files = { file: noise(MiB + i, `file ${i}`) };
    const part = await makeExtDisk(join(folder, `part${i}`), 16 * MiB, files);
    await run('dd', `if=${part}`, `of=${disk}`, 'bs=1M', `seek=${place}`, 'conv=notrunc');
    await cloneWithPartclone('ext4', part, join(folder, `part${i}.img`));
  }
  return { disk, dump: await run('sfdisk', '-d', disk) };
}

async function bringIn(source: string, folder: string) {
  const store = openMemoryStore();
  const result = await importImage({ source, imageName: 'one', store, scratchFolder: folder });
  const target = join(folder, 'target');
  await exportImage({ imageName: 'one', store, target, format: 'raw' });
  return { result, target, manifest: await loadManifest(store, 'one') };
}

async function expectParts(disk: string, target: string, places: readonly number[], folder: string): Promise<void> {
  for (const [i, place] of places.entries()) {
    const part = join(folder, `found${i}`);
    await run('dd', `if=${target}`, `of=${part}`, 'bs=1M', `skip=${place}`, 'count=16');
    await run('e2fsck', '-fn', part);
    await run('debugfs', '-R', `dump file ${part}.file`, part);
    expect((await fs.readFile(`${part}.file`)).equals(noise(MiB + i, `file ${i}`))).toBe(true);
  }
  const table = (text: string) => text.replace(/^device:.*$/m, '').replaceAll(/^\S+?(\d+) :/gm, '$1 :');
  expect(table(await run('sfdisk', '-d', target))).toBe(table(await run('sfdisk', '-d', disk)));
}

test('a Clonezilla image of an MBR disk with a logical partition and swap', async () => {
  await withTempDirectory(async (folder) => {
    const places = [1, 20];
    const { disk, dump } = await makeDisk(
      folder,
      'label: dos\nstart=2048, size=32768, bootable\nstart=36864, size=53248, type=5\nstart=40960, size=32768\nstart=77824, size=8192, type=82\n',
      places,
    );
    const image = join(folder, 'image');
    await fs.mkdir(image);
    await fs.writeFile(join(image, 'sda-pt.sf'), dump);
    await fs.writeFile(
      join(image, 'sda-pt.parted'),
      `Disk /dev/sda: ${(64 * MiB) / 512}s\nSector size (logical/physical): 512B/512B\n`,
    );
    await fs.writeFile(join(image, 'sda-mbr'), (await fs.readFile(disk)).subarray(0, 512));
    await fs.writeFile(join(image, 'parts'), 'sda1 sda5\n');
    await fs.writeFile(join(image, 'swappt-sda6.info'), `UUID="${uuid}"\nLABEL="swap"\n`);
    await run('sh', '-c', `gzip -c ${folder}/part0.img | split -b 1M - ${image}/sda1.ext4-ptcl-img.gz.`);
    await run('sh', '-c', `zstd -qc ${folder}/part1.img | split -b 1M - ${image}/sda5.ext4-ptcl-img.zst.`);
    const { target, result, manifest } = await bringIn(image, folder);
    expect(result).toMatchObject({ format: 'clonezilla', sizeBytes: 64 * MiB });
    expect(manifest.importedFrom).toEqual({ name: image, format: 'clonezilla' });
    expect(manifest.partitions.map((p) => [p.number, p.fileSystem, p.reader])).toEqual([
      [1, 'ext4', 'partclone'],
      [2, null, 'raw'],
      [5, 'ext4', 'partclone'],
      [6, 'swap', 'swap'],
    ]);
    expect(manifest.partitions[3]).toMatchObject({ fileSystemUuid: uuid, fileSystemLabel: 'swap' });
    await expectParts(disk, target, places, folder);
    expect((await fs.readFile(target)).subarray(0, 440).equals(noise(440, 'boot code'))).toBe(true);
  });
});

test('a FOG image of a GPT disk', async () => {
  await withTempDirectory(async (folder) => {
    const places = [1, 17];
    const { disk, dump } = await makeDisk(
      folder,
      'label: gpt\nstart=2048, size=32768, name=one\nstart=34816, size=32768\n',
      places,
    );
    const image = join(folder, 'image');
    await fs.mkdir(image);
    await fs.writeFile(join(image, 'd1.partitions'), dump);
    await run('sh', '-c', `gzip -c ${folder}/part0.img > ${image}/d1p1.img`);
    await run('sh', '-c', `zstd -qc ${folder}/part1.img > ${image}/d1p2.img`);
    const { target, result, manifest } = await bringIn(image, folder);
    expect(result).toMatchObject({ format: 'fog', sizeBytes: 64 * MiB });
    expect(manifest.geometry).toMatchObject({ table: 'gpt' });
    await expectParts(disk, target, places, folder);
  });
});

test('what cannot be imported from a folder is refused by name', async () => {
  await withTempDirectory(async (folder) => {
    const store = openMemoryStore();
    const importing = () => importImage({ source: folder, imageName: 'one', store });
    await expect(importing()).rejects.toMatchObject({
      code: 'import-unsupported',
      message: expect.stringContaining('no image of'),
    });
    await fs.writeFile(join(folder, 'parts'), 'sda1');
    await fs.writeFile(join(folder, 'sda-pt.sf'), 'label: dos\n');
    await fs.writeFile(join(folder, 'sda1.ntfs-img.aa'), '');
    await expect(importing()).rejects.toMatchObject({ message: expect.stringContaining('sda1.ntfs-img.aa') });
  });
});
