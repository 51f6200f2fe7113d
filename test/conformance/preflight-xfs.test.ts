import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { mapDisk } from '../../imaging/map.ts';
import { findSystems } from '../../imaging/preflight/find-systems.ts';
import { findLinux } from '../../imaging/preflight/linux.ts';
import { readXfsFiles } from '../../imaging/preflight/xfs-files.ts';
import { readerOf } from '../fixtures/buffer-reader.ts';
import { expectSurvivesDamage } from '../fixtures/fuzz/survives-damage.ts';
import { withMount } from '../fixtures/mounts.ts';
import { run } from '../fixtures/run.ts';
import { readShown, sortFolders } from '../fixtures/shown-files.ts';
import { makeVolumesDisk } from '../fixtures/system-disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { createVolume, groupName, makeGroupDisk, putVolume } from '../fixtures/volume-disks.ts';
import { formatXfs } from '../fixtures/xfs-cases.ts';

const rules = 'SUBSYSTEM=="net", ATTR{address}=="52:54:00:12:34:56", NAME="eth0"\n';
const linuxFiles = {
  'etc/os-release': 'PRETTY_NAME="Rocky Linux 9.4"\nVERSION_ID="9.4"\n',
  'etc/hostname': 'db-01\n',
  'etc/udev/rules.d/70-persistent-net.rules': rules,
  'etc/sysconfig/network-scripts/ifcfg-bond0': 'DEVICE=bond0\nTYPE=Bond\n',
};
const facts = {
  ...{ kind: 'linux', name: 'Rocky Linux 9.4', version: '9.4', hostName: 'db-01', teams: ['bond0'] },
  fixedNames: ['/etc/udev/rules.d/70-persistent-net.rules'],
};

/** An XFS with these files; then shell commands run in it. */
async function makeXfs(file: string, flags: string, live = '', sizeMiB = 32): Promise<Buffer> {
  await formatXfs(file, sizeMiB, flags.split(' '));
  await withMount(file, '', async (folder) => {
    for (const [name, text] of Object.entries(linuxFiles)) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
      await writeFile(path.join(folder, name), text);
    }
    await run('bash', '-ec', `cd ${folder}; ${live}`);
  });
  return await readFile(file);
}

/** One that no kernel need mount: mkfs puts so many files into it beside etc/os-release. */
async function makeVersionFour(directory: string, many: number, flags: string[], sizeMiB: number): Promise<Buffer> {
  const [file, source, prototype] = ['four', 'release', 'prototype'].map((name) => path.join(directory, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(source, linuxFiles['etc/os-release']);
  const files = Array.from({ length: many }, (_, i) => `file-${i} ---644 0 0 ${source}`);
  const lines = ['/dev/null', '0 0', 'd--755 0 0', 'etc d--755 0 0', `os-release ---644 0 0 ${source}`, ...files];
  await writeFile(prototype, [...lines, '$', '$', ''].join('\n'));
  await formatXfs(file, sizeMiB, ['-m', 'crc=0', ...flags, '-p', prototype]);
  return await readFile(file);
}

const links = (count: number) =>
  `mkdir -p etc/netplan; echo network > etc/netplan/0; for i in $(seq ${count}); do ln etc/netplan/0 etc/netplan/a-name-that-takes-room-and-more-room-than-most-names-so-that-few-are-enough-$i.yaml; done`;
/** A file of which every other KiB is a hole. */
const sieve =
  'seq 60000 | head -c 300000 > etc/interfaces; seq 1 2 290 | awk \'{ print "fpunch", $1 * 1024, 1024 }\' | xfs_io etc/interfaces';

const cases = [
  { name: 'directories in their inodes', flags: '', live: links(1), form: 'local' },
  { name: 'a directory of one block', flags: '', live: links(40), form: 'extents' },
  { name: 'a directory with leaves', flags: '', live: links(400), form: 'extents' },
  { name: 'a directory with nodes, 1 KiB blocks', flags: '-b size=1024', live: links(900), form: 'extents' },
  { name: 'directory blocks of several blocks', flags: '-b size=2048 -n size=8192 -i size=1024', live: links(300) },
  {
    name: 'large counts of extents, 4096-byte sectors',
    flags: '-i nrext64=1 -s size=4096 -d agcount=1',
    live: links(100),
  },
  {
    name: 'nothing that came after version 5',
    flags: '-m reflink=0,finobt=0,bigtime=0,inobtcount=0 -i sparse=0,nrext64=0',
    live: links(100),
  },
  { name: 'extents in a tree', flags: '-b size=1024', live: sieve, form: 'btree', of: 'etc/interfaces' },
];

for (const { name, flags, live, form, of = 'etc/netplan' } of cases) {
  test(`files of an unmounted XFS are those that the kernel shows: ${name}`, async () => {
    await withTempDirectory(async (directory) => {
      const file = path.join(directory, 'xfs');
      const bytes = await makeXfs(file, flags, live);
      const folders = ['/etc', '/etc/netplan', '/etc/none'];
      const files = ['/etc/hostname', '/etc/udev/rules.d/70-persistent-net.rules', '/etc/interfaces', '/etc/none/none'];
      const shown = await withMount(file, 'ro', async (root) => {
        if (form !== undefined) {
          const inode = (await stat(path.join(root, of))).ino;
          expect(await run('xfs_db', '-r', '-c', `inode ${inode}`, '-c', 'print core.format', file)).toContain(form);
        }
        return await readShown(root, { files, folders });
      });
      expect(sortFolders(await readXfsFiles(readerOf(bytes), { files, folders }))).toEqual(shown);
      expect(await findLinux((wanted) => readXfsFiles(readerOf(bytes), wanted))).toMatchObject(facts);
    });
  });
}

test('a version 4 without types in its directories is read as well', async () => {
  await withTempDirectory(async (directory) => {
    const bytes = readerOf(await makeVersionFour(directory, 200, ['-n', 'ftype=0'], 32));
    expect((await readXfsFiles(bytes, { files: [], folders: ['/etc'] })).folders.get('/etc')).toHaveLength(201);
    expect(await findLinux((wanted) => readXfsFiles(bytes, wanted))).toMatchObject({ name: 'Rocky Linux 9.4' });
  });
});

test('a Linux on XFS is found in a partition and in a volume in several pieces; a damaged one is unknown, one with data only is nothing', async () => {
  await withTempDirectory(async (directory) => {
    const file = path.join(directory, 'xfs');
    const whole = await makeXfs(file, '');
    const damaged = Buffer.from(whole);
    // Every inode.
    for (
      let at = damaged.indexOf('IN\x41\xed', 0, 'latin1');
      at >= 0;
      at = damaged.indexOf('IN\x41\xed', at + 1, 'latin1')
    )
      damaged.write('gone', at);
    await formatXfs(path.join(directory, 'data'), 16, []);
    const disk = await makeVolumesDisk(path.join(directory, 'disk'), [
      whole,
      damaged,
      await readFile(path.join(directory, 'data')),
    ]);
    const { systems, unknown } = await findSystems(disk, await mapDisk(disk));
    expect(systems).toMatchObject([{ partition: 1, ...facts }]);
    expect(unknown).toMatchObject([{ partition: 2, reason: expect.stringMatching(/^inode \d+ is damaged$/) }]);
    const place = { sizeBytes: 64 * 2 ** 20 };
    const group = await makeGroupDisk(path.join(directory, 'group'), place, async (lvm) => {
      await createVolume(lvm, 'root', 10);
      await createVolume(lvm, 'other', 2);
      await lvm('lvextend', '-l', '32', 'GROUP/root');
    });
    await putVolume(group, place, 'root', file);
    const inVolume = await findSystems(group, await mapDisk(group));
    expect(inVolume).toMatchObject({ systems: [{ partition: 1, volume: `${groupName}/root`, ...facts }], unknown: [] });
  });
});

test('an XFS that was not unmounted is read as far as it was written back', async () => {
  await withTempDirectory(async (directory) => {
    const file = path.join(directory, 'xfs');
    await makeXfs(file, '');
    await withMount(file, '', (folder) =>
      run(
        'bash',
        '-ec',
        `cd ${folder}; for i in $(seq 300); do echo $i > etc/late-$i; done; xfs_io -x -c "shutdown -f" .`,
      ),
    );
    const bytes = readerOf(await readFile(file));
    expect(await findLinux((wanted) => readXfsFiles(bytes, wanted))).toMatchObject(facts);
  });
});

test('no damage to an XFS makes looking into it hang, or fail with another error than ours', async () => {
  await withTempDirectory(async (directory) => {
    const five = await makeXfs(path.join(directory, 'xfs'), '-b size=1024 -d agcount=1', links(60), 16);
    // Without checksums a change is seen by bounds alone.
    const four = await makeVersionFour(directory, 90, ['-b', 'size=1024'], 16);
    const isChanged = (sector: Buffer) => /^(IN|XFSB|XD[2D])/.test(sector.toString('latin1', 0, 4));
    for (const whole of [five, four]) {
      await expectSurvivesDamage(whole, { copies: 400, changes: 8, isChanged }, (bytes) =>
        findLinux((wanted) => readXfsFiles(bytes, wanted)),
      );
    }
  });
});
