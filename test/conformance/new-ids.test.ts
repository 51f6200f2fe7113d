// Restores with new ids, held against blkid, sgdisk, the file systems' own checks and their files.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { finishError } from '../../imaging/finish-restored.ts';
import type { NewIds } from '../../imaging/fit/new-ids.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { restorePartition } from '../../imaging/restore-partition.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { writeGpt } from '../fixtures/gpt-table.ts';
import { withFuse, withLoop, withMount } from '../fixtures/mounts.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const content = noise(mib, 'content');
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

const tool = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

type Mount = (file: string, work: (folder: string) => Promise<unknown>) => Promise<unknown>;

type Kind = {
  readonly fileSystem: string;
  readonly sizeMib: number;
  readonly make: (file: string) => unknown;
  readonly check: (file: string) => unknown;
  /** Null for what holds no files. */
  readonly mount: Mount | null;
};

const byKernel: Mount = (file, work) => withMount(file, '', work);

const ext4: Kind = {
  fileSystem: 'ext4',
  sizeMib: 16,
  make: (file) => tool('mkfs.ext4', '-q', '-F', file),
  check: (file) => tool('e2fsck', '-fn', file),
  mount: byKernel,
};

const kinds: readonly Kind[] = [
  ext4,
  {
    fileSystem: 'xfs',
    sizeMib: 32,
    make: (file) => tool('mkfs.xfs', '-q', '-f', '--unsupported', file),
    check: (file) => tool('xfs_repair', '-n', file),
    mount: byKernel,
  },
  {
    fileSystem: 'btrfs',
    sizeMib: 112,
    make: (file) => tool('mkfs.btrfs', '-q', '-f', file),
    check: (file) => tool('btrfs', 'check', '--check-data-csum', file),
    mount: byKernel,
  },
  {
    fileSystem: 'vfat',
    sizeMib: 40,
    make: (file) => tool('mkfs.vfat', '-F', '32', file),
    check: (file) => tool('fsck.vfat', '-n', file),
    mount: (file, work) => withFuse('fusefat', file, 'rw+', work),
  },
  {
    fileSystem: 'exfat',
    sizeMib: 8,
    make: (file) => tool('mkfs.exfat', file),
    check: (file) => tool('fsck.exfat', '-n', file),
    mount: (file, work) => withFuse('mount.exfat-fuse', file, 'rw', work),
  },
  {
    fileSystem: 'swap',
    sizeMib: 8,
    make: (file) => tool('mkswap', '-q', '-L', 'swap1', file),
    check: (file) => expect(tool('blkid', '-p', file)).toMatch(/LABEL="swap1"/),
    mount: null,
  },
  {
    fileSystem: 'ntfs',
    sizeMib: 8,
    make: (file) => tool('mkntfs', '-q', '-F', '-s', '512', file),
    check: (file) => tool('ntfsfix', '-n', file),
    mount: (file, work) => withFuse('ntfs-3g', file, 'rw', work),
  },
];

async function fill(mount: Mount | null, file: string): Promise<void> {
  await mount?.(file, (folder) => fs.writeFile(path.join(folder, 'FILE'), content));
}

async function expectContent(mount: Mount | null, file: string): Promise<void> {
  await mount?.(file, async (folder) => {
    expect((await fs.readFile(path.join(folder, 'FILE'))).equals(content)).toBe(true);
  });
}

const startMibOf = (chosen: readonly Kind[], index: number) =>
  1 + chosen.slice(0, index).reduce((sum, { sizeMib }) => sum + sizeMib, 0);

/** A GPT disk with these file systems one after the other, each with a file. */
async function makeDisk(directory: string, chosen: readonly Kind[]): Promise<string> {
  const disk = await makeRawDisk(path.join(directory, 'source'), (startMibOf(chosen, chosen.length) + 1) * mib);
  writeGpt(
    disk,
    chosen.map(({ sizeMib }, i) => ({ atMib: startMibOf(chosen, i), sizeMib })),
  );
  for (const [i, { sizeMib, make, mount }] of chosen.entries()) {
    const startMib = startMibOf(chosen, i);
    const part = await makeRawDisk(path.join(directory, 'new-part'), sizeMib * mib);
    await make(part);
    await fill(mount, part);
    tool('dd', `if=${part}`, `of=${disk}`, 'bs=1M', `seek=${startMib}`, 'conv=notrunc,sparse');
    await fs.rm(part);
  }
  return disk;
}

async function cut(disk: string, file: string, startMib: number, sizeMib: number): Promise<string> {
  tool('dd', `if=${disk}`, `of=${file}`, 'bs=1M', `skip=${startMib}`, `count=${sizeMib}`, 'conv=sparse');
  await fs.truncate(file, sizeMib * mib);
  return file;
}

/** As sgdisk and blkid see them. */
const guidsOf = (disk: string, partitions: number) => [
  /GUID\): (\S+)/.exec(tool('sgdisk', '-p', disk))?.[1]?.toLowerCase(),
  ...Array.from({ length: partitions }, (_, i) =>
    /unique GUID: (\S+)/.exec(tool('sgdisk', '-i', String(i + 1), disk))?.[1]?.toLowerCase(),
  ),
];
const uuidOf = (file: string) => tool('blkid', '-p', '-s', 'UUID', '-o', 'value', file).trim().toLowerCase();

const changesOf = ({ changed }: NewIds, of: string) =>
  changed.filter((change) => change.of === of).map(({ oldId, newId }) => [oldId?.toLowerCase(), newId.toLowerCase()]);

test('every id of a GPT disk and its file systems is new, grown or not, files are as captured, and both can be mounted at once', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeDisk(directory, kinds);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const target = await makeRawDisk(path.join(directory, 'target'), (startMibOf(kinds, kinds.length) + 9) * mib);
    const restored = await restoreImage({ imageName: 'one', targetPath: target, store, grow: 'last', newIds: true });
    const newIds = restored.newIds as NewIds;
    expect(restored.grown).toMatchObject({ fileSystem: 'ntfs', fileSystemGrown: true });
    expect(newIds.kept).toEqual([]);
    expect(finishError(restored)).toBeNull();
    expect(restored.warnings.join()).toMatch(/fstab/);
    expect(tool('sgdisk', '-v', target)).toMatch(/No problems found/);
    const [before, after] = [guidsOf(source, kinds.length), guidsOf(target, kinds.length)];
    const pairs = before.map((old, i) => [old, after[i]]);
    expect([...changesOf(newIds, 'disk'), ...changesOf(newIds, 'partition')]).toEqual(pairs);
    expect(new Set([...before, ...after]).size).toBe(2 * before.length);
    const uuids: (string | undefined)[][] = [];
    for (const [i, { sizeMib, check, mount }] of kinds.entries()) {
      const old = await cut(source, path.join(directory, 'old'), startMibOf(kinds, i), sizeMib);
      const newSizeMib = i === kinds.length - 1 ? sizeMib + 8 : sizeMib;
      const part = await cut(target, path.join(directory, 'part'), startMibOf(kinds, i), newSizeMib);
      uuids.push([uuidOf(old), uuidOf(part)]);
      check(part);
      await mount?.(old, () => expectContent(mount, part));
    }
    expect(changesOf(newIds, 'file-system')).toEqual(uuids);
    expect(new Set(uuids.flat()).size).toBe(2 * kinds.length);
  });
});

test('an MBR disk with sectors of 4096 bytes gets a new signature, and its file system grows before it gets its id', async () => {
  await withTempDirectory(async (directory) => {
    const store = openMemoryStore();
    const sectors = ['--sector-size', '4096'];
    const source = await makeRawDisk(path.join(directory, 'source'), 24 * mib);
    await withLoop(source, sectors, async (device) => {
      execFileSync('sfdisk', ['-q', '--no-reread', device], {
        input: 'label: dos\nlabel-id: 0x1234abcd\n256,4096,83\n',
        stdio: 'pipe',
      });
      tool('mkfs.ext4', '-q', '-F', '-b', '4096', '-E', `offset=${mib}`, device, '16M');
      await captureImage({ sourcePath: device, imageName: 'one', store });
    });
    const target = await makeRawDisk(path.join(directory, 'target'), 40 * mib);
    await withLoop(target, sectors, async (device) => {
      const { grown, newIds } = await restoreImage({
        ...{ imageName: 'one', targetPath: device, store, grow: 'last' },
        newIds: true,
      });
      expect(grown).toMatchObject({ sizeBytes: 39 * mib, fileSystemGrown: true });
      const { id } = JSON.parse(tool('sfdisk', '--json', device)).partitiontable;
      const signature = id.slice(2);
      expect(signature).not.toBe('1234abcd');
      const part = await cut(target, path.join(directory, 'part'), 1, 39);
      ext4.check(part);
      expect(newIds).toMatchObject({
        kept: [],
        changed: [
          { of: 'disk', oldId: '1234abcd', newId: signature },
          { of: 'partition', partition: 1, oldId: '1234abcd-01', newId: `${signature}-01` },
          { of: 'file-system', partition: 1, fileSystem: 'ext4', newId: uuidOf(part) },
        ],
      });
    });
  });
});

test('a tool that fails half-way leaves the file system as restored and grown, and the command says so', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeDisk(directory, [ext4]);
    const target = await makeRawDisk(path.join(directory, 'target'), 40 * mib);
    const [store, tools, seen] = ['store', 'tools', 'seen'].map((name) => path.join(directory, name)) as [
      string,
      string,
      string,
    ];
    await fs.mkdir(tools);
    const look = `dd if=${target} of=${seen} bs=512 count=1 status=none\n`;
    const scribble = 'dd if=/dev/urandom of="$3" bs=1M count=3 seek=1 conv=notrunc status=none\n';
    const script = `#!/bin/sh\n${look}${scribble}echo no luck\nexit 1\n`;
    await fs.writeFile(path.join(tools, 'tune2fs'), script, { mode: 0o755 });
    tool(cli, 'image', 'capture', source, 'one', '--store', store);
    const args = ['image', 'restore', 'one', target, '--store', store, '--grow', 'last', '--new-ids', '--json'];
    const env = { ...process.env, PATH: `${tools}:${process.env.PATH}` };
    const ended = spawnSync(cli, args, { encoding: 'utf8', env });
    expect(ended.status).toBe(13);
    const uuid = uuidOf(await cut(source, path.join(directory, 'old'), 1, 16));
    expect(JSON.parse(ended.stdout)).toMatchObject({
      grown: { partition: 1, sizeBytes: 38 * mib, fileSystemGrown: true },
      newIds: {
        changed: [{ of: 'disk' }, { of: 'partition', partition: 1 }],
        kept: [{ partition: 1, fileSystem: 'ext4', id: uuid, why: expect.stringContaining('no luck') }],
      },
    });
    expect((await fs.readFile(seen)).equals(Buffer.alloc(512))).toBe(true);
    expect(tool('sgdisk', '-v', target)).toMatch(/No problems found/);
    const part = await cut(target, path.join(directory, 'part'), 1, 38);
    expect(uuidOf(part)).toBe(uuid);
    ext4.check(part);
    expect(tool('dumpe2fs', '-h', part)).toMatch(new RegExp(`Block count: +${38 * 1024}\\n`));
    await expectContent(ext4.mount, part);
  });
});

test('what no tool can renew keeps its id, is named, and is as captured', async () => {
  await withTempDirectory(async (directory) => {
    const lvm: Kind = {
      ...{ fileSystem: 'LVM2_member', sizeMib: 8, mount: null, check: () => {} },
      make: (file) =>
        withLoop(file, [], async (device) => {
          const only = `devices{use_devicesfile=0 filter=["a|^${device}$|","r|.*|"]}`;
          const config = `${only} backup{backup=0 archive=0} global{event_activation=0}`;
          tool('pvcreate', '--config', config, '-qq', device);
        }),
    };
    const source = await makeDisk(directory, [lvm]);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const target = path.join(directory, 'target');
    const restored = await restoreImage({ imageName: 'one', targetPath: target, store, newIds: true });
    const [old, part] = [
      await cut(source, path.join(directory, 'old'), 1, 8),
      await cut(target, path.join(directory, 'part'), 1, 8),
    ];
    expect(restored.newIds).toMatchObject({
      kept: [{ partition: 1, fileSystem: 'LVM2_member', why: expect.stringContaining('it is in no volume group') }],
    });
    expect(finishError(restored)).toMatchObject({ code: 'new-ids-incomplete' });
    expect((await fs.readFile(part)).equals(await fs.readFile(old))).toBe(true);
  });
});

test('a single partition and a disk without a table get a new id for their file system, and nothing else changes', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeDisk(directory, [ext4, ext4]);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const [first, second, alone] = ['first', 'second', 'alone'].map((name) => path.join(directory, name)) as [
      string,
      string,
      string,
    ];
    await cut(source, first, 1, 16);
    const part = { imageName: 'one', store, partition: 1, newIds: true };
    const into = await restorePartition({ ...part, targetPath: source, toPartition: 2 });
    await cut(source, second, 17, 16);
    expect(changesOf(into.newIds as NewIds, 'file-system')).toEqual([[uuidOf(first), uuidOf(second)]]);
    expect((await fs.readFile(await cut(source, alone, 1, 16))).equals(await fs.readFile(first))).toBe(true);
    expect(tool('sgdisk', '-v', source)).toMatch(/No problems found/);

    await captureImage({ sourcePath: first, imageName: 'bare', store });
    const bare = await restoreImage({ imageName: 'bare', targetPath: alone, store, newIds: true });
    expect(changesOf(bare.newIds as NewIds, 'file-system')).toEqual([[uuidOf(first), uuidOf(alone)]]);
    for (const file of [second, alone]) {
      ext4.check(file);
      await expectContent(ext4.mount, file);
    }
  });
});
