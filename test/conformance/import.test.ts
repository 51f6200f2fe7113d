// Images of other kinds, made by the tools that are at home with them, come in byte for byte as those tools bring them back.
import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exportImage } from '../../imaging/export.ts';
import { importImage } from '../../imaging/import.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { cloneWithPartclone, restoreWithPartclone } from '../fixtures/partclone.ts';
import { run } from '../fixtures/run.ts';
import { unlessAllEach } from '../fixtures/run-all.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const MiB = 2 ** 20;

/** Imports `source` and writes what came of it to a raw file. */
async function bringIn(source: string, folder: string) {
  const store = openMemoryStore();
  const scratchFolder = join(folder, 'scratch');
  await fs.mkdir(scratchFolder, { recursive: true });
  const result = await importImage({ source, imageName: 'one', store, scratchFolder });
  expect(await fs.readdir(scratchFolder)).toEqual([]);
  const target = join(folder, `back.${Math.random()}`);
  await exportImage({ imageName: 'one', store, target, format: 'raw' });
  return { result, target, manifest: await loadManifest(store, 'one') };
}

async function makeSource(folder: string): Promise<string> {
  const files = { one: noise(3 * MiB, 'one'), two: Buffer.alloc(2 * MiB, 'text '), empty: Buffer.alloc(0) };
  // partclone 0.3.23 overruns its memory when it restores blocks of 1 KiB with `-k 7`.
  return makeExtDisk(join(folder, 'source'), 64 * MiB, files, ['-b', '4096']);
}

const qcow2Flags = [
  ['plain', ['-O', 'qcow2']],
  ['of version 2', ['-O', 'qcow2', '-o', 'compat=0.10']],
  ['with small clusters', ['-O', 'qcow2', '-o', 'cluster_size=512']],
  ['with large clusters', ['-O', 'qcow2', '-o', 'cluster_size=2M']],
  ['compressed by zlib', ['-c', '-O', 'qcow2']],
  ['compressed by zstd', ['-c', '-O', 'qcow2', '-o', 'compression_type=zstd']],
  ['compressed by zstd in small clusters', ['-c', '-O', 'qcow2', '-o', 'compression_type=zstd,cluster_size=4k']],
  ['preallocated', ['-O', 'qcow2', '-o', 'preallocation=metadata']],
] as const;

test.each(unlessAllEach(2, qcow2Flags))('a qcow2 file %s', async (_, flags) => {
  await withTempDirectory(async (folder) => {
    const source = await makeSource(folder);
    const qcow2 = join(folder, 'disk.qcow2');
    await run('qemu-img', 'convert', '-f', 'raw', ...flags, source, qcow2);
    const { target, result, manifest } = await bringIn(qcow2, folder);
    expect(result).toMatchObject({ format: 'qcow2', sizeBytes: 64 * MiB });
    expect(manifest).toMatchObject({ importedFrom: { name: qcow2, format: 'qcow2' }, source: { label: qcow2 } });
    expect(manifest.partitions[0]).toMatchObject({ fileSystem: 'ext4', reader: 'ext' });
    await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', source, target);
  });
});

test('a qcow2 file that was written to, with zeros over data and a snapshot', async () => {
  await withTempDirectory(async (folder) => {
    const source = await makeRawDisk(join(folder, 'source'), 8 * MiB, [{ offsetBytes: 0, bytes: noise(5 * MiB, 'x') }]);
    const qcow2 = join(folder, 'disk.qcow2');
    await run('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', source, qcow2);
    await run('qemu-img', 'snapshot', '-c', 'before', qcow2);
    await run('qemu-io', '-c', 'write -z 1M 1M', '-c', 'write -P 7 6M 100k', '-c', 'discard 3M 64k', qcow2);
    const { target, manifest } = await bringIn(qcow2, folder);
    expect(manifest.warnings.join()).toMatch(/its 1 snapshots are left out/);
    await run('qemu-img', 'compare', '-f', 'qcow2', '-F', 'raw', qcow2, target);
  });
});

test.each([
  ['a backing file', ['-b', 'base', '-F', 'raw'], /backing file/],
  ['sub-clusters', ['-o', 'extended_l2=on', '8M'], /sub-clusters/],
  ['its data elsewhere', ['-o', 'data_file=data', '8M'], /in another file/],
  [
    'encryption',
    ['--object', 'secret,id=s,data=x', '-o', 'encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10', '8M'],
    /encrypted/,
  ],
])('a qcow2 file with %s is refused with the reason', async (_, flags, reason) => {
  await withTempDirectory(async (folder) => {
    await makeRawDisk(join(folder, 'base'), 8 * MiB);
    const qcow2 = join(folder, 'disk.qcow2');
    const absolute = flags.map((flag) =>
      flag === 'base' ? join(folder, 'base') : flag.replace('=data', `=${join(folder, 'data')}`),
    );
    const create = flags.includes('--object') ? flags : absolute;
    const places = create.at(-1) === '8M' ? [...create.slice(0, -1), qcow2, '8M'] : [...create, qcow2];
    // On a busy machine qemu-img finds no clock to measure by how often a passphrase is to be hashed.
    const patiently = 'for i in 1 2 3 4 5 6 7 8 9; do "$@" && exit; done; exit 1';
    await run('bash', '-c', patiently, 'bash', 'qemu-img', 'create', '-q', '-f', 'qcow2', ...places);
    const store = openMemoryStore();
    const importing = importImage({ source: qcow2, imageName: 'one', store });
    await expect(importing).rejects.toMatchObject({
      code: 'import-unsupported',
      message: expect.stringMatching(reason),
    });
    expect(await store.listManifests()).toEqual([]);
  });
});

const partcloneFlags = [
  ['as it comes', []],
  ['without checksums', ['-a', '0']],
  ['with a checksum for every 7 blocks', ['-a', '1', '-k', '7']],
  ['with checksums that go on', ['-a', '1', '-k', '16', '--no-reseed']],
] as const;

test.each(unlessAllEach(2, partcloneFlags))(
  'a partclone image of ext4 %s is what partclone.restore makes of it',
  async (_, flags) => {
    await withTempDirectory(async (folder) => {
      const source = await makeSource(folder);
      const image = join(folder, 'sda1.ext4-ptcl-img');
      await cloneWithPartclone('ext4', source, image, flags);
      const { target, result, manifest } = await bringIn(image, folder);
      expect(result.format).toBe('partclone');
      expect(manifest.partitions[0]).toMatchObject({ fileSystem: 'ext4', reader: 'partclone', notes: [] });
      await expectSameAsRestored(image, target);
      await run('e2fsck', '-fn', target);
    });
  },
);

test.each([
  ['ntfs', ['mkntfs', '-q', '-F', '-Q'], 20],
  ['xfs', ['mkfs.xfs', '-q', '-f'], 320],
  ['btrfs', ['mkfs.btrfs', '-q'], 128],
  ['vfat', ['mkfs.vfat', '-F', '32'], 64],
  ['exfat', ['mkfs.exfat'], 16],
] as const)(
  'a partclone image of %s is what partclone.restore makes of it',
  async (kind, [program, ...flags], sizeMiB) => {
    await withTempDirectory(async (folder) => {
      const source = await makeRawDisk(join(folder, 'source'), sizeMiB * MiB);
      await run(program, ...flags, source);
      const image = join(folder, 'image');
      await cloneWithPartclone(kind === 'vfat' ? 'fat' : kind, source, image);
      const { target, manifest } = await bringIn(image, folder);
      expect(manifest.partitions[0]?.fileSystem).toMatch(kind === 'vfat' ? /fat/ : kind);
      await expectSameAsRestored(image, target);
      if (kind === 'btrfs') expect(manifest.warnings.join()).toMatch(/partclone left out \d+ bytes/);
    });
  },
);

const compressors = [
  ['gz', 'gzip'],
  ['lz4', 'lz4'],
  ['zst', 'zstd'],
  ['bz2', 'bzip2'],
  ['xz', 'xz'],
] as const;

test.each(unlessAllEach(2, compressors))(
  'a partclone image compressed (%s) and split as Clonezilla does',
  async (suffix, program) => {
    await withTempDirectory(async (folder) => {
      const source = await makeSource(folder);
      const plain = join(folder, 'plain');
      await cloneWithPartclone('ext4', source, plain);
      await run('sh', '-c', `${program} -c ${plain} | split -b 1M - ${join(folder, `sda1.ext4-ptcl-img.${suffix}.`)}`);
      const { target, manifest } = await bringIn(join(folder, `sda1.ext4-ptcl-img.${suffix}.aa`), folder);
      expect(manifest.importedFrom?.format).toBe('partclone');
      await expectSameAsRestored(plain, target);
      await fs.rm(join(folder, `sda1.ext4-ptcl-img.${suffix}.ab`));
      await expect(bringIn(join(folder, `sda1.ext4-ptcl-img.${suffix}.aa`), folder)).rejects.toMatchObject({
        code: 'import-corrupt',
        message: expect.stringContaining('missing'),
      });
    });
  },
);

test('a raw disk: in place, from a stream, and compressed', async () => {
  await withTempDirectory(async (folder) => {
    const source = await makeSource(folder);
    const store = openMemoryStore();
    const first = await importImage({ source, imageName: 'file', store });
    const stream = await importImage({ source: createReadStream(source), imageName: 'stream', store });
    await run('zstd', '-q', source, '-o', join(folder, 'source.zst'));
    const packed = await importImage({ source: join(folder, 'source.zst'), imageName: 'packed', store });
    for (const { rootDigest, format } of [stream, packed])
      expect([rootDigest, format]).toEqual([first.rootDigest, 'raw']);
    expect((await loadManifest(store, 'stream')).importedFrom).toEqual({ name: 'the input', format: 'raw' });
  });
});

/** `target` is what partclone makes of the image; its file ends behind the last block that it holds, and what is missing are zeros. */
async function expectSameAsRestored(image: string, target: string): Promise<void> {
  const restored = await restoreWithPartclone(image, `${image}.restored`);
  await run('qemu-img', 'compare', '-f', 'raw', '-F', 'raw', restored, target);
}
