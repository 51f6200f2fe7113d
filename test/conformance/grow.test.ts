// Partitions and file systems that are grown after a restore, held against the file systems' own checks and their files.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { mapDisk } from '../../imaging/map.ts';
import { type RestoreOptions, restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { writeGpt } from '../fixtures/gpt-table.ts';
import { type GrowCase, growCases, tool } from '../fixtures/grow-cases.ts';
import { withLoop, withMount } from '../fixtures/mounts.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const content = noise(2 * mib, 'content');

const cases: readonly GrowCase[] = [
  ...growCases,
  {
    fileSystem: 'LVM2_member',
    sizeMib: 24,
    make: (file) =>
      withLoop(file, [], async (device) => {
        tool('pvcreate', ...lvmConfig(device), '-qq', device);
        tool('vgcreate', ...lvmConfig(device), '-qq', '-s', '1m', 'vg0', device);
      }),
    fill: null,
    check: (file) => withLoop(file, [], async (device) => tool('vgck', ...lvmConfig(device), 'vg0')),
    sizeOf: (file) =>
      withLoop(file, [], async (device) =>
        Number.parseInt(tool('pvs', ...lvmConfig(device), '--noheadings', '--units', 'b', '-o', 'pv_size', device), 10),
      ),
  },
];

function lvmConfig(device: string): string[] {
  const only = `devices{use_devicesfile=0 filter=["a|^${device}$|","r|.*|"]}`;
  return ['--config', `${only} backup{backup=0 archive=0} global{event_activation=0}`];
}

/** A GPT disk with the file system from 1 MiB on and, with `behind`, a small partition after it. */
async function makeDisk(directory: string, { sizeMib, make, fill }: GrowCase, behind: boolean): Promise<string> {
  const part = await makeRawDisk(path.join(directory, 'part'), sizeMib * mib);
  await make(part);
  await fill?.(part, (folder) => fs.writeFile(path.join(folder, 'file'), content));
  const disk = await makeRawDisk(path.join(directory, 'source'), (sizeMib + 4) * mib);
  writeGpt(disk, [{ atMib: 1, sizeMib }, ...(behind ? [{ atMib: sizeMib + 1, sizeMib: 1 }] : [])]);
  tool('dd', `if=${part}`, `of=${disk}`, 'bs=1M', 'seek=1', 'conv=notrunc,sparse');
  if (behind) {
    const handle = await fs.open(disk, 'r+');
    await handle.write(noise(mib, 'behind'), 0, mib, (sizeMib + 1) * mib);
    await handle.close();
  }
  await fs.rm(part);
  return disk;
}

async function cut(disk: string, file: string, { startBytes, sizeBytes }: { startBytes: number; sizeBytes: number }) {
  const flags = ['bs=1M', 'iflag=skip_bytes,count_bytes', 'conv=sparse'];
  tool('dd', `if=${disk}`, `of=${file}`, ...flags, `skip=${startBytes}`, `count=${sizeBytes}`);
  await fs.truncate(file, sizeBytes);
  return file;
}

async function restoreGrown(directory: string, disk: string, targetMib: number, options: Partial<RestoreOptions>) {
  const store = openMemoryStore();
  await captureImage({ sourcePath: disk, imageName: 'one', store });
  const target = await makeRawDisk(path.join(directory, 'target'), targetMib * mib);
  const restored = await restoreImage({ imageName: 'one', targetPath: target, store, ...options });
  expect(tool('sgdisk', '-v', target)).toMatch(/No problems found/);
  return { target, restored };
}

describe.for(cases)('$fileSystem', (kind) => {
  const { fileSystem, sizeMib, fill, check, sizeOf } = kind;

  test('in the last partition is grown to the end of a larger disk', async () => {
    await withTempDirectory(async (directory) => {
      const disk = await makeDisk(directory, kind, false);
      const { target, restored } = await restoreGrown(directory, disk, sizeMib + 70, { grow: 'last' });
      const place = { startBytes: mib, sizeBytes: (sizeMib + 68) * mib };
      const growth = { partition: 1, fileSystem, oldSizeBytes: sizeMib * mib, sizeBytes: place.sizeBytes };
      expect(restored.grown).toMatchObject({ ...growth, fileSystemGrown: true });
      expect((await mapDisk(target)).partitions).toMatchObject([{ number: 1, ...place, fileSystem }]);
      const part = await cut(target, path.join(directory, 'part'), place);
      await check(part);
      expect(place.sizeBytes - (await sizeOf(part))).toBeLessThanOrEqual(2 * mib);
      await fill?.(part, async (folder) => {
        expect((await fs.readFile(path.join(folder, 'file'))).equals(content)).toBe(true);
      });
    });
  });
});

const [ext4] = cases as [GrowCase];

test('a partition in the middle is grown and what lies behind it moves to the end, also on a 4Kn disk', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 32 * mib, [
      { offsetBytes: 25 * mib, bytes: noise(mib, 'behind') },
    ]);
    const store = openMemoryStore();
    const sectors = ['--sector-size', '4096'];
    await withLoop(source, sectors, async (device) => {
      const parts = [
        { atMib: 1, sizeMib: 24 },
        { atMib: 25, sizeMib: 1 },
      ];
      writeGpt(device, parts, 4096);
      tool('mkfs.ext4', '-q', '-F', '-b', '4096', '-E', `offset=${mib}`, device, '24M');
    });
    await withLoop(source, sectors, (device) => captureImage({ sourcePath: device, imageName: 'one', store }));
    const target = await makeRawDisk(path.join(directory, 'target'), 100 * mib);
    await withLoop(target, sectors, async (device) => {
      const { grown } = await restoreImage({ imageName: 'one', targetPath: device, store, grow: 1 });
      expect(grown).toMatchObject({ partition: 1, sizeBytes: 97 * mib, fileSystemGrown: true });
      expect(tool('sgdisk', '-v', device)).toMatch(/No problems found/);
      const { partitiontable } = JSON.parse(tool('sfdisk', '--json', device));
      expect(partitiontable.partitions).toMatchObject([
        { start: 256, size: 97 * 256 },
        { start: 98 * 256, size: 256 },
      ]);
    });
    const part = await cut(target, path.join(directory, 'part'), { startBytes: mib, sizeBytes: 97 * mib });
    ext4.check(part);
    expect(ext4.sizeOf(part)).toBe(97 * mib);
    const behind = await fs.readFile(
      await cut(target, path.join(directory, 'part'), { startBytes: 98 * mib, sizeBytes: mib }),
    );
    expect(behind.equals(noise(mib, 'behind'))).toBe(true);
  });
});

test('a tool that fails half-way leaves what was restored, a disk that boots, and an answer', async () => {
  await withTempDirectory(async (directory) => {
    const disk = await makeDisk(directory, ext4, false);
    const seen = path.join(directory, 'first-sector');
    const tools = path.join(directory, 'tools');
    await fs.mkdir(tools);
    const scribble = `dd if=/dev/urandom of="$1" bs=1M count=3 seek=1 conv=notrunc status=none\n`;
    const look = `dd if=${path.join(directory, 'target')} of=${seen} bs=512 count=1 status=none\n`;
    await fs.writeFile(path.join(tools, 'resize2fs'), `#!/bin/sh\n${look}${scribble}echo no luck\nexit 1\n`, {
      mode: 0o755,
    });
    const before = process.env.PATH;
    process.env.PATH = `${tools}:${before}`;
    try {
      const { target, restored } = await restoreGrown(directory, disk, 60, { grow: 'last' });
      expect(restored.grown).toMatchObject({
        fileSystemGrown: false,
        note: expect.stringContaining('no luck'),
        sizeBytes: 58 * mib,
      });
      expect((await fs.readFile(seen)).equals(Buffer.alloc(512))).toBe(true);
      expect((await fs.readFile(target)).readUInt16LE(510)).toBe(0xaa55);
      const place = { startBytes: mib, sizeBytes: 24 * mib };
      const part = await cut(target, path.join(directory, 'part'), place);
      ext4.check(part);
      expect(ext4.sizeOf(part)).toBe(24 * mib);
      await withMount(part, '', async (folder) => {
        expect((await fs.readFile(path.join(folder, 'file'))).equals(content)).toBe(true);
      });
    } finally {
      process.env.PATH = before;
    }
  });
});

test('a program that this machine does not have is missed before the first write', async () => {
  await withTempDirectory(async (directory) => {
    const disk = await makeDisk(directory, ext4, false);
    const store = path.join(directory, 'store');
    const bytes = noise(60 * mib, 'before');
    const target = await makeRawDisk(path.join(directory, 'target'), bytes.length, [{ offsetBytes: 0, bytes }]);
    const cli = path.join(import.meta.dirname, '../../cli/deploy-os');
    tool(cli, 'image', 'capture', disk, 'one', '--store', store);
    const asked = [
      ['resize2fs', '--grow', 'last', '--plan-only'],
      ['resize2fs', '--grow', 'last'],
      ['tune2fs', '--new-ids'],
      ['resize2fs', '--partition', '1', '--to-partition', '0', '--grow', 'last'],
    ] as const;
    for (const [program, ...flags] of asked) {
      // Hidden from this command only: in a mount namespace of its own.
      const hide = `mount --bind /dev/null "$(command -v ${program})" && exec "$@"`;
      const args = ['image', 'restore', 'one', target, '--store', store, '--yes', ...flags];
      const ended = spawnSync('unshare', ['--mount', 'sh', '-c', hide, 'sh', cli, ...args], { encoding: 'utf8' });
      expect([ended.status, ended.stderr]).toEqual([6, expect.stringContaining(`partition 1 (ext4) takes ${program}`)]);
    }
    expect((await fs.readFile(target)).equals(bytes)).toBe(true);
  });
});

test('a file system without a tool to grow it keeps its size in its larger partition, and the command says so', async () => {
  await withTempDirectory(async (directory) => {
    const fat = { ...ext4, fill: null, make: (device: string) => tool('mkfs.vfat', device) };
    const disk = await makeDisk(directory, fat, false);
    const store = path.join(directory, 'store');
    const target = await makeRawDisk(path.join(directory, 'target'), 60 * mib);
    const cli = path.join(import.meta.dirname, '../../cli/deploy-os');
    tool(cli, 'image', 'capture', disk, 'one', '--store', store);
    const args = ['image', 'restore', 'one', target, '--store', store, '--grow', 'last', '--json'];
    const ended = spawnSync(cli, args, { encoding: 'utf8' });
    expect(ended.status).toBe(12);
    expect(JSON.parse(ended.stdout)).toMatchObject({
      grown: { partition: 1, fileSystemGrown: false, sizeBytes: 58 * mib },
    });
    expect(tool('sgdisk', '-v', target)).toMatch(/No problems found/);
    tool('fsck.vfat', '-n', await cut(target, path.join(directory, 'part'), { startBytes: mib, sizeBytes: 24 * mib }));
  });
});
