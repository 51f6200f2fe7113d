// Logical volumes that are grown after a restore, with their file systems: held against LVM's tools, the file systems' own checks and
// every file. Where this runs there is no device mapper, and none is wanted.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { finishError } from '../../imaging/finish-restored.ts';
import { mapDisk } from '../../imaging/map.ts';
import { type RestoreOptions, restoreImage } from '../../imaging/restore.ts';
import { restorePartition } from '../../imaging/restore-partition.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { describeTree } from '../fixtures/describe-tree.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { type GrowCase, growCases, tool } from '../fixtures/grow-cases.ts';
import { withLoop } from '../fixtures/mounts.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import {
  createVolume,
  groupName,
  makeGroupDisk,
  makePartitionedDisk,
  type Place,
  piecesOf,
  putVolume,
  takeVolume,
  withGroup,
} from '../fixtures/volume-disks.ts';

const mib = 2 ** 20;
/** What LVM keeps for itself in front of the extents. */
const headMib = 1;
const [ext4] = growCases as [GrowCase];

async function makeFiles(folder: string): Promise<void> {
  await fs.mkdir(path.join(folder, 'a folder'));
  for (let i = 0; i < 30; i++) await fs.writeFile(path.join(folder, 'a folder', `${i}`), noise(i * 9001, `${i}`));
  await fs.symlink('a folder/7', path.join(folder, 'link'));
  await fs.writeFile(path.join(folder, 'large'), noise(2 * mib, 'large'));
}

/** A file system in a file, and what its files are. */
async function makeContent(file: string, { sizeMib, make, fill }: GrowCase): Promise<{ file: string; tree: string[] }> {
  await makeRawDisk(file, sizeMib * mib);
  await make(file);
  await fill?.(file, makeFiles);
  return { file, tree: await listFiles(file, fill) };
}

async function listFiles(file: string, fill: GrowCase['fill']): Promise<string[]> {
  let tree: string[] = [];
  await fill?.(file, async (folder) => {
    tree = await describeTree(folder);
  });
  return tree;
}

/** A disk with `root` in one run or in two pieces with a swap area between them, a few extents free. */
async function makeRootDisk(directory: string, kind: GrowCase, layout: 'one run' | 'two pieces', place: Place) {
  const content = await makeContent(path.join(directory, 'content'), kind);
  const disk = await makeGroupDisk(path.join(directory, 'source'), place, async (lvm) => {
    const first = layout === 'one run' ? kind.sizeMib : kind.sizeMib / 2;
    await createVolume(lvm, 'root', first);
    if (first === kind.sizeMib) return;
    await createVolume(lvm, 'swap', 2);
    await lvm('lvextend', '-l', `${kind.sizeMib}`, 'GROUP/root');
  });
  await putVolume(disk, place, 'root', content.file);
  if (layout === 'two pieces') {
    const swap = await makeRawDisk(path.join(directory, 'swap'), 2 * mib);
    tool('mkswap', '-q', swap);
    await putVolume(disk, place, 'swap', swap);
  }
  return { disk, tree: content.tree };
}

async function restoreTo(directory: string, disk: string, sizeBytes: number, options: Partial<RestoreOptions>) {
  const store = openMemoryStore();
  await captureImage({ sourcePath: disk, imageName: 'one', store, workers: 1 });
  const target = await makeRawDisk(path.join(directory, 'target'), sizeBytes);
  const restored = await restoreImage({
    imageName: 'one',
    targetPath: target,
    store,
    grow: 'last',
    workers: 1,
    ...options,
  });
  expect(tool('sgdisk', '-v', target)).toMatch(/No problems found/);
  return { target, restored };
}

/** LVM finds nothing wrong; answers the sizes of the volumes in extents, and how many are free. */
async function checkGroup(disk: string, place: Place): Promise<{ [name: string]: number }> {
  return await withGroup(disk, place, async (lvm, devicePath) => {
    await lvm('vgck', 'GROUP');
    await lvm('pvck', devicePath);
    const said = await lvm('lvs', '--noheadings', '--nosuffix', '--units', 'm', '-o', 'lv_name,lv_size', 'GROUP');
    const free = await lvm('vgs', '--noheadings', '-o', 'vg_free_count', 'GROUP');
    const sizes = [...said.matchAll(/^\s*(\S+)\s+(\S+)\s*$/gm)].map(([, name, size]) => [name, Number(size)]);
    return { ...Object.fromEntries(sizes), free: Number(free) };
  });
}

const withFiles = growCases.filter(({ fill }) => fill !== null);

describe.for(withFiles)('$fileSystem in a volume of two pieces', (kind) => {
  test('has all the room of a larger disk, and every file', async () => {
    await withTempDirectory(async (directory) => {
      const { fileSystem, sizeMib, fill, check, sizeOf } = kind;
      const sourceMib = sizeMib + headMib + 5;
      const { disk, tree } = await makeRootDisk(directory, kind, 'two pieces', { sizeBytes: sourceMib * mib });
      const place = { sizeBytes: (sourceMib + sizeMib) * mib };
      const { target, restored } = await restoreTo(directory, disk, place.sizeBytes + 2 * mib, {});
      const rootMib = 2 * sizeMib + 3;
      const volume = { name: `${groupName}/root`, fileSystem, oldSizeBytes: sizeMib * mib, sizeBytes: rootMib * mib };
      expect(restored.grown).toMatchObject({ partition: 1, ...place, fileSystemGrown: true, volume });
      expect(await checkGroup(target, place)).toMatchObject({ root: rootMib, free: 0 });
      expect(await piecesOf(target, place, 'root')).toHaveLength(2);
      const root = await takeVolume(target, place, 'root', path.join(directory, 'root'));
      await check(root);
      expect(rootMib * mib - (await sizeOf(root))).toBeLessThanOrEqual(mib);
      expect(await listFiles(root, fill)).toEqual(tree);
      const [partition] = (await mapDisk(target)).partitions;
      expect(partition?.volumes?.[0]).toMatchObject({
        name: volume.name,
        reader: fileSystem === 'ntfs' ? 'raw' : /[a-z]+/.exec(fileSystem)?.[0],
      });
    });
  });
});

test('a volume on a disk with sectors of 4096 bytes is grown with the same sectors', async () => {
  await withTempDirectory(async (directory) => {
    const kind = { ...ext4, make: (device: string) => tool('mkfs.ext4', '-q', '-F', '-b', '4096', device) };
    const sectors = { sectorSizeBytes: 4096 } as const;
    const { disk, tree } = await makeRootDisk(directory, kind, 'one run', { sizeBytes: 32 * mib, ...sectors });
    const store = openMemoryStore();
    const flags = ['--sector-size', '4096'];
    await withLoop(disk, flags, (device) => captureImage({ sourcePath: device, imageName: 'one', store, workers: 1 }));
    const target = await makeRawDisk(path.join(directory, 'target'), 66 * mib);
    await withLoop(target, flags, async (device) => {
      const { grown } = await restoreImage({ imageName: 'one', targetPath: device, store, grow: 'last', workers: 1 });
      expect(grown).toMatchObject({ fileSystemGrown: true, volume: { sizeBytes: 63 * mib } });
    });
    const place = { sizeBytes: 64 * mib, ...sectors };
    expect(await checkGroup(target, place)).toEqual({ root: 63, free: 0 });
    expect(await piecesOf(target, place, 'root')).toHaveLength(1);
    const root = await takeVolume(target, place, 'root', path.join(directory, 'root'));
    kind.check(root);
    expect(await listFiles(root, kind.fill)).toEqual(tree);
  });
});

test('a tool that fails half-way leaves group, volume and file system as they were captured', async () => {
  await withTempDirectory(async (directory) => {
    const place = { sizeBytes: 32 * mib };
    const { disk, tree } = await makeRootDisk(directory, ext4, 'two pieces', place);
    const tools = path.join(directory, 'tools');
    await fs.mkdir(tools);
    const scribble = 'dd if=/dev/urandom of="$1" bs=1M count=20 seek=1 conv=notrunc status=none';
    const script = `#!/bin/sh\n${scribble}\nsync "$1"\necho no luck\nexit 1\n`;
    await fs.writeFile(path.join(tools, 'resize2fs'), script, { mode: 0o755 });
    const before = process.env.PATH;
    process.env.PATH = `${tools}:${before}`;
    try {
      const { target, restored } = await restoreTo(directory, disk, 66 * mib, {});
      const note = expect.stringContaining('no luck');
      expect(restored.grown).toMatchObject({ fileSystemGrown: false, volume: null, note, sizeBytes: 64 * mib });
      expect((await fs.readFile(target)).readUInt16LE(510)).toBe(0xaa55);
      const now = { sizeBytes: 64 * mib };
      expect(await checkGroup(target, now)).toEqual(await checkGroup(disk, place));
      const root = await takeVolume(target, now, 'root', path.join(directory, 'root'));
      ext4.check(root);
      expect(ext4.sizeOf(root)).toBe(24 * mib);
      expect(await listFiles(root, ext4.fill)).toEqual(tree);
    } finally {
      process.env.PATH = before;
    }
  });
});

test('an only volume that is not sound keeps its size, the group gets the room, and the command says so', async () => {
  await withTempDirectory(async (directory) => {
    const place = { sizeBytes: 32 * mib };
    const dirty = (device: string) => tool('debugfs', '-w', '-R', 'feature needs_recovery', device);
    const kind = { ...ext4, fill: null, make: (device: string) => [ext4.make(device), dirty(device)] };
    const { disk } = await makeRootDisk(directory, kind, 'one run', place);
    const { target, restored } = await restoreTo(directory, disk, 66 * mib, {});
    expect(restored.grown).toMatchObject({
      ...{ fileSystemGrown: false, volume: null },
      note: `the volume group has the room now, but no volume took it: ${groupName}/root: its ext4 was not sound when it was captured`,
    });
    expect(await checkGroup(target, { sizeBytes: 64 * mib })).toEqual({ root: 24, free: 39 });
    expect(finishError(restored)).toMatchObject({ code: 'grow-failed' });
  });
});

describe('of several volumes', () => {
  test('none is grown unless it is named: the restore is refused before its first write, and lists them', async () => {
    await withTempDirectory(async (directory) => {
      const place = { sizeBytes: 40 * mib };
      const small = { ...ext4, sizeMib: 12 };
      const { file, tree } = await makeContent(path.join(directory, 'content'), small);
      const disk = await makeGroupDisk(path.join(directory, 'source'), place, async (lvm) => {
        for (const name of ['root', 'home']) await createVolume(lvm, name, 12);
      });
      for (const name of ['root', 'home']) await putVolume(disk, place, name, file);
      const [store, target] = [path.join(directory, 'store'), path.join(directory, 'target')];
      const cli = (...args: string[]) => {
        const all = ['image', ...args, '--store', store, '--workers', '1', '--json'];
        const ended = spawnSync(path.join(import.meta.dirname, '../../cli/deploy-os'), all, { encoding: 'utf8' });
        return { ...ended, result: () => JSON.parse(ended.stdout) };
      };
      expect(cli('capture', disk, 'one').status).toBe(0);
      await makeRawDisk(target, 82 * mib);
      const refused = cli('restore', 'one', target, '--grow', 'last');
      expect(refused.status).toBe(2);
      const listed = /root \(ext4, 12582912 bytes\); deploygrow\/home \(ext4, 12582912 bytes\)\. nothing was written$/;
      const hint = expect.stringMatching(/--grow 1:root.*--grow 1:none/);
      expect(refused.result().error).toMatchObject({ message: expect.stringMatching(listed), hint });
      expect((await fs.readFile(target)).equals(Buffer.alloc(82 * mib))).toBe(true);

      const plan = path.join(directory, 'plan');
      const planned = cli('restore', 'one', target, '--grow', `last:${groupName}/root`, '--plan-only');
      await fs.writeFile(plan, planned.stdout);
      const named = cli('restore', '--plan', plan);
      expect(named.status).toBe(0);
      expect(named.result()).toMatchObject({ grown: { volume: { name: `${groupName}/root`, sizeBytes: 67 * mib } } });
      const now = { sizeBytes: 80 * mib };
      expect(await checkGroup(target, now)).toEqual({ root: 67, home: 12, free: 0 });
      expect(await piecesOf(target, now, 'root')).toHaveLength(2);
      for (const name of ['root', 'home']) {
        const volume = await takeVolume(target, now, name, path.join(directory, name));
        ext4.check(volume);
        expect(await listFiles(volume, ext4.fill)).toEqual(tree);
      }
    });
  });
});

test('R13: the volume in a single partition grows into a longer one', async () => {
  await withTempDirectory(async (directory) => {
    const { disk, tree } = await makeRootDisk(directory, ext4, 'one run', { sizeBytes: 32 * mib });
    const store = openMemoryStore();
    await captureImage({ sourcePath: disk, imageName: 'one', store, workers: 1 });
    const place = { sizeBytes: 64 * mib };
    const target = await makePartitionedDisk(path.join(directory, 'target'), place);
    const wanted = { imageName: 'one', targetPath: target, store, partition: 1, grow: true, workers: 1 };
    const refused = restorePartition({ ...wanted, growVolume: 'var' });
    await expect(refused).rejects.toMatchObject({
      code: 'invalid-input',
      message: expect.stringMatching(/nothing was written/),
    });
    const { grown } = await restorePartition(wanted);
    expect(grown).toMatchObject({ fileSystemGrown: true, volume: { fileSystem: 'ext4', sizeBytes: 63 * mib } });
    expect(await checkGroup(target, place)).toEqual({ root: 63, free: 0 });
    const root = await takeVolume(target, place, 'root', path.join(directory, 'root'));
    ext4.check(root);
    expect(await listFiles(root, ext4.fill)).toEqual(tree);
  });
});
