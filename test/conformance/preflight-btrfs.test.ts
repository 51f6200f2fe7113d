import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { ByteReader } from '../../imaging/blockdev/byte-reader.ts';
import { openReader } from '../../imaging/blockdev/open-reader.ts';
import { crc32c } from '../../imaging/fs/crc.ts';
import { mapDisk } from '../../imaging/map.ts';
import { openBtrfsFiles } from '../../imaging/preflight/btrfs-files.ts';
import { findSystems } from '../../imaging/preflight/find-systems.ts';
import { findLinux } from '../../imaging/preflight/linux.ts';
import { formatBtrfs } from '../fixtures/btrfs-cases.ts';
import { expectSurvivesDamage } from '../fixtures/fuzz/survives-damage.ts';
import { withMount } from '../fixtures/mounts.ts';
import { run } from '../fixtures/run.ts';
import { readShown, sortFolders } from '../fixtures/shown-files.ts';
import { makeVolumesDisk } from '../fixtures/system-disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { createVolume, groupName, makeGroupDisk, putVolume } from '../fixtures/volume-disks.ts';

const linuxFiles = {
  'etc/os-release': 'PRETTY_NAME="openSUSE Leap 15.6"\nVERSION_ID="15.6"\n',
  'etc/hostname': 'db-01\n',
  'etc/udev/rules.d/70-persistent-net.rules': 'SUBSYSTEM=="net", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n',
  'etc/sysconfig/network/ifcfg-bond0': "BONDING_MASTER='yes'\nDEVICE=bond0\n",
};
const facts = {
  ...{ kind: 'linux', name: 'openSUSE Leap 15.6', version: '15.6', hostName: 'db-01', teams: ['bond0'] },
  fixedNames: ['/etc/udev/rules.d/70-persistent-net.rules'],
};
const wanted = {
  files: ['hostname', 'long', 'room', 'grown', 'link', 'udev/rules.d/70-persistent-net.rules', 'none/none'].map(
    (name) => `/etc/${name}`,
  ),
  folders: ['/etc', '/etc/netplan', '/etc/none'],
};

const [superblockAt, blockBytes] = [65536, 4096];
const blockOf = (at: number) => at - (at % blockBytes);

type Recipe = {
  readonly sizeMiB?: number;
  readonly flags?: string;
  readonly mount?: string;
  /** Where the files go, below the top. */
  readonly root?: string;
  /** Shell commands before there are files, and after. */
  readonly before?: string;
  readonly live?: string;
};

/** A Btrfs with those files, in mixed block groups unless told: else 109 MiB are the least. */
async function makeBtrfs(file: string, recipe: Recipe): Promise<string> {
  const { sizeMiB = 32, flags = '-M', mount = '', root = '', before = '', live = '' } = recipe;
  await formatBtrfs(file, sizeMiB, flags.split(' ').filter(Boolean));
  await withMount(file, mount, async (top) => {
    await run('bash', '-ec', `cd ${top}; ${before}`);
    for (const [name, text] of Object.entries(linuxFiles)) {
      await mkdir(path.dirname(path.join(top, root, name)), { recursive: true });
      await writeFile(path.join(top, root, name), text);
    }
    await run('bash', '-ec', `cd ${top}; ${live}`);
  });
  return file;
}

/** Gives `work` the bytes of a file, of which only those that are asked for are read. */
async function withReader<Result>(file: string, work: (bytes: ByteReader) => Promise<Result>): Promise<Result> {
  const reader = await openReader(file);
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}

const lookInto = (file: string) => withReader(file, (bytes) => findLinux(openBtrfsFiles(bytes)));

/** Expects of our reader what the kernel shows of the file system, mounted with these options. */
async function expectShown(file: string, options: string): Promise<void> {
  const shown = await withMount(file, options, (folder) => readShown(folder, wanted));
  expect(sortFolders(await withReader(file, (bytes) => openBtrfsFiles(bytes)(wanted)))).toEqual(shown);
}

const names = (count: number) =>
  `mkdir etc/netplan; for i in $(seq ${count}); do echo $i > etc/netplan/a-name-that-takes-room-so-that-few-are-enough-$i.yaml; done`;
/** Extents of which only a part is left, holes, room that was only reserved, a file that grew behind what was inline, and a link. */
const stir = `ln -s hostname etc/link; seq 60000 | head -c 300000 > etc/long; sync
  echo other | dd of=etc/long bs=4096 seek=3 conv=notrunc status=none; sync; fallocate -p -o 20480 -l 8192 etc/long
  fallocate -l 30000 etc/room; echo x | dd of=etc/room bs=4096 seek=2 conv=notrunc status=none
  seq 300 > etc/grown; sync; truncate -s 40000 etc/grown; sync`;

const cases: readonly (Recipe & { name: string; holds: readonly string[] })[] = [
  {
    name: 'as mkfs.btrfs makes it: DUP, nodes of 16 KiB',
    ...{ sizeMiB: 128, flags: '', live: `${names(900)}; ${stir}` },
    holds: ['inline extent data size', 'prealloc data disk', 'METADATA|DUP'],
  },
  {
    name: 'hole extents, a deep tree of nodes of 4 KiB',
    ...{ flags: '-M -O ^no-holes', live: `${names(900)}; ${stir}` },
    holds: ['level 2', 'extent data disk byte 0 nr 0'],
  },
  {
    ...{ name: 'compressed by zlib', mount: 'compress-force=zlib', live: stir },
    holds: ['extent compression 1 (zlib)', 'inline extent data size'],
  },
  {
    ...{ name: 'compressed by zstd', mount: 'compress-force=zstd', live: stir },
    holds: ['extent compression 3 (zstd)', 'inline extent data size'],
  },
  { name: 'a tree in which nothing is left over', flags: '-M -m single -d single', live: 'rm -r etc/udev', holds: [] },
];

for (const { name, holds, ...recipe } of cases) {
  test(`files of an unmounted Btrfs are those that the kernel shows: ${name}`, async () => {
    await withTempDirectory(async (directory) => {
      const file = await makeBtrfs(path.join(directory, 'btrfs'), recipe);
      const dump = await run('btrfs', 'inspect-internal', 'dump-tree', file);
      for (const words of holds) expect(dump).toContain(words);
      await expectShown(file, 'ro');
      expect(await lookInto(file)).toMatchObject({ name: facts.name, hostName: 'db-01', teams: ['bond0'] });
    });
  });
}

const setDefault = (folder: string) => `btrfs subvolume set-default $(btrfs inspect-internal rootid ${folder}) .`;

const roots: readonly (Recipe & { name: string; options: string })[] = [
  {
    ...{ name: "Ubuntu's subvolume @", root: '@', options: 'subvol=@' },
    before: 'btrfs subvolume create @; btrfs subvolume create @home',
  },
  {
    name: "Debian's subvolume @rootfs",
    root: '@rootfs',
    options: 'subvol=@rootfs',
    before: 'btrfs subvolume create @rootfs',
  },
  {
    ...{ name: "Fedora's subvolume root, beside a folder @", root: 'root', options: 'subvol=root' },
    before: `btrfs subvolume create root; mkdir -p @/etc; echo 'NAME=other' > @/etc/os-release`,
  },
  {
    name: "openSUSE's snapshot that is the default, and has changed since",
    ...{ root: '@/.snapshots/1/snapshot', options: '' },
    before: `btrfs subvolume create @; btrfs subvolume create @/.snapshots; mkdir @/.snapshots/1
      btrfs subvolume create @/.snapshots/1/snapshot`,
    live: `cd @/.snapshots; mkdir 2; ${names(60).replaceAll('etc/', '1/snapshot/etc/')}; sync
      btrfs subvolume snapshot 1/snapshot 2/snapshot; echo more > 2/snapshot/etc/room; rm 2/snapshot/etc/netplan/*1.yaml
      echo 'NAME=old' > 1/snapshot/etc/os-release; ${setDefault('2/snapshot')}`,
  },
  {
    name: 'folders that are subvolumes of their own',
    options: '',
    before:
      'btrfs subvolume create etc; btrfs subvolume create etc/udev; btrfs subvolume create etc/netplan; echo x > etc/netplan/x',
  },
];

for (const { name, options, ...recipe } of roots) {
  test(`the Linux of an unmounted Btrfs is found in ${name}`, async () => {
    await withTempDirectory(async (directory) => {
      const file = await makeBtrfs(path.join(directory, 'btrfs'), recipe);
      expect(await lookInto(file)).toMatchObject(facts);
      await expectShown(file, ['ro', options].filter(Boolean).join(','));
    });
  });
}

test('the name of a subvolume in a snapshot of what is above it leads nowhere', async () => {
  await withTempDirectory(async (directory) => {
    const file = await makeBtrfs(path.join(directory, 'btrfs'), {
      before: 'btrfs subvolume create etc; mkdir -p usr/lib; echo NAME=below > usr/lib/os-release',
      live: `btrfs subvolume snapshot . copy; ${setDefault('copy')}`,
    });
    await expectShown(file, 'ro');
    expect(await lookInto(file)).toMatchObject({ name: 'below', hostName: null });
  });
});

test('what a Btrfs was at its last commit is seen when its power was cut', async () => {
  await withTempDirectory(async (directory) => {
    const [file, cut] = [path.join(directory, 'btrfs'), path.join(directory, 'cut')];
    await makeBtrfs(file, {});
    await withMount(file, 'commit=300', async (top) => {
      await run('bash', '-ec', `cd ${top}; echo x > etc/room; sync; echo late > etc/hostname; sync etc/hostname`);
      await copyFile(file, cut);
    });
    expect((await mapDisk(cut)).partitions[0]?.notes.join()).toMatch(/log tree has not been replayed/);
    expect((await findSystems(cut, await mapDisk(cut))).systems).toMatchObject([facts]);
  });
});

test('a Linux on Btrfs is found in a partition and in a volume in several pieces; one that cannot be read is unknown, one with data only is nothing', async () => {
  await withTempDirectory(async (directory) => {
    const place = (name: string) => path.join(directory, name);
    const file = await makeBtrfs(place('btrfs'), {});
    const whole = await readFile(file);
    const [lzo, two] = [
      await makeBtrfs(place('lzo'), { mount: 'compress-force=lzo', live: 'seq 9 >> etc/hostname' }),
      place('two'),
    ];
    await formatBtrfs(place('other'), 32, ['-M']);
    await formatBtrfs(two, 32, ['-M', '-f', place('other')]);
    const disk = await makeVolumesDisk(place('disk'), [whole, await readFile(lzo), await readFile(two)]);
    const { systems, unknown } = await findSystems(disk, await mapDisk(disk));
    expect(systems).toMatchObject([{ partition: 1, ...facts }]);
    expect(unknown).toEqual([
      { partition: 2, reason: 'a file is compressed by LZO, which this reader does not read' },
      { partition: 3, reason: 'it lies on 2 devices' },
    ]);
    await formatBtrfs(place('data'), 32, ['-M']);
    expect(await findSystems(place('data'), await mapDisk(place('data')))).toMatchObject({ systems: [], unknown: [] });

    const group = { sizeBytes: 64 * 2 ** 20 };
    const volumes = await makeGroupDisk(place('group'), group, async (lvm) => {
      await createVolume(lvm, 'root', 10);
      await createVolume(lvm, 'other', 2);
      await lvm('lvextend', '-l', '32', 'GROUP/root');
    });
    await putVolume(volumes, group, 'root', file);
    const inVolume = await findSystems(volumes, await mapDisk(volumes));
    expect(inVolume).toMatchObject({ systems: [{ partition: 1, volume: `${groupName}/root`, ...facts }], unknown: [] });
  });
});

test('no damage to a Btrfs, even with right checksums, makes looking into it hang, or fail with another error than ours', async () => {
  await withTempDirectory(async (directory) => {
    const recipe = {
      ...{ sizeMiB: 20, mount: 'compress-force=zstd', root: '@' },
      before: 'btrfs subvolume create @; btrfs subvolume create @/etc; btrfs subvolume create @/etc/netplan',
      live: `cd @; seq 9000 >> etc/hostname; for i in $(seq 20); do seq 400 > etc/netplan/$i.yaml; done; cd ..; sync; ${setDefault('@')}`,
    };
    const file = await makeBtrfs(path.join(directory, 'btrfs'), recipe);
    const whole = await readFile(file);
    const asked = await listAskedBlocks(file);
    const uuid = whole.subarray(superblockAt + 0x20, superblockAt + 0x30);
    const damage = {
      ...{ copies: 600, changes: 4 },
      isChanged: (sector: Buffer, at: number) => asked.has(blockOf(at)) && sector.some((byte) => byte !== 0),
      seal: (bytes: Buffer, at: number) => {
        const block = bytes.subarray(blockOf(at), blockOf(at) + blockBytes);
        if (blockOf(at) === superblockAt || block.subarray(32, 48).equals(uuid))
          block.writeUInt32LE(~crc32c(0xffffffff, block.subarray(32)) >>> 0, 0);
      },
    };
    await expectSurvivesDamage(whole, damage, (bytes) => findLinux(openBtrfsFiles(bytes)));
  });
});

/** Where each block of a sound file system starts that is asked for in order to find the system in it: superblock, nodes and data. */
async function listAskedBlocks(file: string): Promise<Set<number>> {
  const asked = new Set<number>();
  await withReader(file, async (bytes) => {
    const read = (offsetBytes: number, lengthBytes: number) => {
      for (let at = blockOf(offsetBytes); at < offsetBytes + lengthBytes; at += blockBytes) asked.add(at);
      return bytes.read(offsetBytes, lengthBytes);
    };
    const { sizeBytes, sectorSizeBytes, label } = bytes;
    expect(await findLinux(openBtrfsFiles({ sizeBytes, sectorSizeBytes, label, read }))).toMatchObject(facts);
  });
  return asked;
}
