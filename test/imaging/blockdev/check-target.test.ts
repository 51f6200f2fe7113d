import { execFileSync } from 'node:child_process';
import { constants } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { checkSource } from '../../../imaging/blockdev/check-source.ts';
import { checkTarget } from '../../../imaging/blockdev/check-target.ts';

const MiB = 1024 * 1024;
let folder = '';
let undo: (() => void)[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'check-'));
});
afterEach(() => {
  for (const step of undo.reverse()) step();
  undo = [];
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function makeFile(name: string, fill?: (handle: Buffer) => void): Promise<string> {
  const bytes = Buffer.alloc(2 * MiB);
  fill?.(bytes);
  const file = join(folder, name);
  await writeFile(file, bytes);
  return file;
}

/** A loop device over a file; detached after the test. */
function attach(file: string, ...flags: string[]): string {
  const device = execFileSync('losetup', ['--find', '--show', ...flags, file])
    .toString()
    .trim();
  undo.push(() => execFileSync('losetup', ['-d', device]));
  return device;
}

async function mount(device: string, ...flags: string[]): Promise<void> {
  const place = join(folder, 'mounted here');
  await mkdir(place, { recursive: true });
  execFileSync('mount', [...flags, device, place]);
  undo.push(() => execFileSync('umount', [place]));
}

async function makeExt(name: string): Promise<string> {
  const file = await makeFile(name);
  execFileSync('mke2fs', ['-q', '-F', '-t', 'ext2', file]);
  return file;
}

describe('a target', () => {
  test('that is a file, there or still to be made, passes', async () => {
    const file = await makeFile('free.img');
    expect(await checkTarget(file)).toEqual({
      kind: 'file',
      sizeBytes: 2 * MiB,
      sectorSizeBytes: 512,
      label: file,
      exists: true,
    });
    const fresh = join(folder, 'new.img');
    expect(await checkTarget(fresh)).toMatchObject({ kind: 'file', sizeBytes: 0, exists: false });
  });

  test('that is a free device passes, with its size and sector size', async () => {
    const device = attach(await makeFile('loop.img'), '-b', '4096');
    expect(await checkTarget(device)).toMatchObject({
      kind: 'block',
      sizeBytes: 2 * MiB,
      sectorSizeBytes: 4096,
      exists: true,
    });
  });

  test('that is mounted is refused, by device and by the file behind it', async () => {
    const file = await makeExt('mounted.img');
    const device = attach(file);
    await mount(device);
    const message = expect.stringContaining(
      `${device} is mounted on ${join(folder, 'mounted here')}; nothing was written`,
    );
    await expect(checkTarget(device)).rejects.toMatchObject({ code: 'target-mounted', message });
    await expect(checkTarget(file)).rejects.toMatchObject({ code: 'target-mounted', message });
  });

  test('that is mounted read-only is refused too', async () => {
    const device = attach(await makeExt('mounted-ro.img'));
    await mount(device, '-o', 'ro');
    await expect(checkTarget(device)).rejects.toMatchObject({ code: 'target-mounted' });
  });

  test('that another program has opened exclusively is refused', async () => {
    const device = attach(await makeFile('busy.img'));
    const handle = await open(device, constants.O_RDONLY | constants.O_EXCL);
    await expect(checkTarget(device)).rejects.toMatchObject({ code: 'target-busy' });
    await handle.close();
  });

  test('that is a read-only device is refused', async () => {
    const device = attach(await makeFile('read-only.img'), '--read-only');
    await expect(checkTarget(device)).rejects.toMatchObject({ code: 'target-read-only' });
  });

  test.for<[string, (bytes: Buffer) => void, RegExp]>([
    ['md 1.1', (bytes) => bytes.writeUInt32LE(0xa92b4efc, 0), /metadata 1\.1/],
    ['md 1.2', (bytes) => bytes.writeUInt32LE(0xa92b4efc, 4096), /metadata 1\.2/],
    ['md 1.0', (bytes) => writeMd10(bytes, 2 * MiB - 8192, 2 * MiB - 8192), /metadata 1\.0/],
    ['md 0.90', (bytes) => bytes.writeUInt32LE(0xa92b4efc, 2 * MiB - 65536), /metadata 0\.90/],
    ['IMSM', (bytes) => bytes.write('Intel Raid ISM Cfg Sig. 1.1.00', 2 * MiB - 1024), /IMSM/],
    ['DDF', (bytes) => bytes.writeUInt32BE(0xde11de11, 2 * MiB - 512), /DDF/],
    [
      'LVM',
      (bytes) => bytes.write('LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0LVM2 001', 512, 'latin1'),
      /LVM volume group/,
    ],
    ['ZFS', (bytes) => bytes.writeUInt32LE(0x00bab10c, 128 * 1024 + 4096), /ZFS pool/],
  ])('that is a member (%s) is refused unless members are allowed', async ([name, mark, words]) => {
    const file = await makeFile(`member-${name}.img`, mark);
    await expect(checkTarget(file)).rejects.toMatchObject({
      code: 'target-member',
      message: expect.stringMatching(words),
    });
    await expect(checkSource(file)).rejects.toMatchObject({
      code: 'source-member',
      message: expect.stringMatching(words),
    });
    expect(await checkTarget(file, { allowMember: true })).toMatchObject({ exists: true });
    await checkSource(file, { allowMember: true });
  });

  test('whose last partition is a member of an array (md 1.0) is none itself', async () => {
    const file = await makeFile('last-partition.img', (bytes) => writeMd10(bytes, 2 * MiB - 8192, MiB));
    expect(await checkTarget(file)).toMatchObject({ exists: true });
  });

  test.for([
    ['/dev/no-such-disk', 'device-not-found'],
    ['/no-such-folder/disk.img', 'device-not-found'],
    ['/dev/null', 'invalid-input'],
    ['/tmp', 'invalid-input'],
  ])('%s is refused: %s', async ([path, code]) => {
    await expect(checkTarget(path ?? '')).rejects.toMatchObject({ code });
  });
});

/** A version-1.0 superblock at `at` that says it lies at `says`, both in bytes. */
function writeMd10(bytes: Buffer, at: number, says: number): void {
  bytes.writeUInt32LE(0xa92b4efc, at);
  bytes.writeBigUInt64LE(BigInt(says / 512), at + 144);
}

describe('a source', () => {
  test('that is mounted read-write is refused; read-only it passes', async () => {
    const file = await makeExt('source.img');
    const device = attach(file);
    await mount(device);
    await expect(checkSource(device)).rejects.toMatchObject({
      code: 'source-held',
      hint: expect.stringContaining('mount it read-only'),
    });
    await expect(checkSource(file)).rejects.toMatchObject({ code: 'source-held' });
    execFileSync('mount', ['-o', 'remount,ro', device]);
    await checkSource(device);
    await checkSource(file);
  });
});
