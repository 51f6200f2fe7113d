import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { mapDisk } from '../../imaging/map.ts';
import { planRestore } from '../../imaging/plan-restore.ts';
import { findSystems } from '../../imaging/preflight/find-systems.ts';
import { findClusterFileSystems } from '../../imaging/preflight/shared-disk.ts';
import { findWindows } from '../../imaging/preflight/windows.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeRawDisk } from '../fixtures/disks.ts';
import { expectSurvivesDamage } from '../fixtures/fuzz/survives-damage.ts';
import { changeRecord, findValue } from '../fixtures/ntfs-surgery.ts';
import { run } from '../fixtures/run.ts';
import { makeLinuxVolume, makeVolumesDisk, makeWindowsVolume } from '../fixtures/system-disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { createVolume, groupName, makeGroupDisk, putVolume } from '../fixtures/volume-disks.ts';
import { bootDriver } from '../fixtures/windows-hives.ts';

const cli = path.join(import.meta.dirname, '../../cli/deploy-os');
const deployOs = (...args: string[]) => spawnSync(cli, args, { encoding: 'utf8' });

const linuxFiles = {
  'usr/lib/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\n',
  'etc/hostname': 'web-01\n',
  'etc/NetworkManager/system-connections/Wired connection 1': '[ethernet]\nmac-address=52:54:00:12:34:56\n',
};

test('a Windows and a Linux are found in their partitions, and not a byte of the disk changes', async () => {
  await withTempDirectory(async (directory) => {
    const windows = { productType: 'LanmanNT', domain: 'corp.example', services: { storahci: bootDriver } } as const;
    const disk = await makeVolumesDisk(path.join(directory, 'disk'), [
      await makeWindowsVolume(path.join(directory, 'ntfs'), windows),
      await makeLinuxVolume(path.join(directory, 'ext'), linuxFiles),
    ]);
    const before = await readFile(disk);
    const { systems, unknown } = await findSystems(disk, await mapDisk(disk));
    expect(unknown).toEqual([]);
    expect(systems).toMatchObject([
      { partition: 1, kind: 'windows', hostName: 'SRV01', domainController: true, bootDrivers: ['storahci'] },
      {
        ...{ partition: 2, kind: 'linux', name: 'Debian GNU/Linux 12 (bookworm)', hostName: 'web-01' },
        fixedNames: ['/etc/NetworkManager/system-connections/Wired connection 1'],
      },
    ]);
    const [store, target] = [path.join(directory, 'store'), path.join(directory, 'target')];
    const captured = deployOs('image', 'capture', disk, 'both', '--store', store, '--json');
    expect(captured.status).toBe(0);
    const codes = (out: string) =>
      (JSON.parse(out) as { findings: { code: string }[] }).findings.map(({ code }) => code);
    expect(codes(captured.stdout)).toEqual(['domain-controller', 'persistent-network-names', 'several-systems']);
    expect(captured.stderr).toMatch(/^warning: partition 1: .*USN rollback.*\(domain-controller\)$/m);
    expect(captured.stderr).toMatch(/^note: 2 systems are on the disk/m);
    expect((await readFile(disk)).equals(before)).toBe(true);
    const shown = deployOs('image', 'show', 'both', '--store', store).stdout;
    expect(shown).toMatch(/^system: partition 1: Windows Server 2019 .*domain controller of corp\.example/m);
    expect(shown).toMatch(/^system: partition 2: Debian GNU\/Linux 12 .*tied to network cards/m);
    const at = {
      imageName: 'both',
      targetPath: target,
      store: await openDirectoryStore(store, { create: false }),
      workers: 1,
    };
    const found = ['domain-controller', 'persistent-network-names'];
    expect((await planRestore(at)).findings.map(({ code }) => code)).toEqual(found);
    expect((await restoreImage(at)).findings.map(({ code }) => code)).toEqual(found);
  });
});

test('a disk with a cluster’s file system is neither captured nor overwritten without the override', async () => {
  await withTempDirectory(async (directory) => {
    const disk = await makeRawDisk(path.join(directory, 'disk'), 64 * 2 ** 20);
    await run('mkfs.gfs2', '-q', '-O', '-j', '1', '-J', '8', '-p', 'lock_nolock', disk);
    const plain = await makeRawDisk(path.join(directory, 'plain'), 2 ** 20);
    const store = openMemoryStore();
    const shared = { sourcePath: disk, imageName: 'shared', store, workers: 1 };
    await expect(captureImage(shared)).rejects.toMatchObject({ code: 'shared-disk' });
    const looked = deployOs('image', 'preflight', disk, '--json');
    expect(looked.status).toBe(5);
    expect(JSON.parse(looked.stdout)).toMatchObject({ findings: [{ code: 'cluster-file-system' }], systems: [] });
    expect((await captureImage({ ...shared, allowShared: true })).findings).toMatchObject([
      { code: 'cluster-file-system', severity: 'warning', partition: 0 },
    ]);
    await captureImage({ ...shared, sourcePath: plain, imageName: 'plain' });
    const over = { imageName: 'plain', targetPath: disk, store, workers: 1 };
    const before = await readFile(disk);
    await expect(planRestore(over)).rejects.toMatchObject({ code: 'shared-disk' });
    await expect(restoreImage(over)).rejects.toMatchObject({ code: 'shared-disk' });
    expect((await readFile(disk)).equals(before)).toBe(true);
    await restoreImage({ ...over, allowShared: true });
  });
});

test('a cluster’s file system in a logical volume of several pieces refuses a restore over it, and a capture', async () => {
  await withTempDirectory(async (directory) => {
    const [file, place] = [path.join(directory, 'gfs2'), { sizeBytes: 70 * 2 ** 20 }];
    await makeRawDisk(file, 64 * 2 ** 20);
    await run('mkfs.gfs2', '-q', '-O', '-j', '1', '-J', '8', '-p', 'lock_nolock', file);
    const disk = await makeGroupDisk(path.join(directory, 'disk'), place, async (lvm) => {
      await createVolume(lvm, 'other', 2);
      await createVolume(lvm, 'data', 30);
      await createVolume(lvm, 'more', 2);
      await lvm('lvextend', '-l', '64', 'GROUP/data');
    });
    await putVolume(disk, place, 'data', file);
    expect(await findClusterFileSystems(disk)).toEqual([
      { partition: 1, volume: `${groupName}/data`, fileSystem: 'gfs2' },
    ]);
    const plain = await makeRawDisk(path.join(directory, 'plain'), 2 ** 20);
    const store = openMemoryStore();
    await captureImage({ sourcePath: plain, imageName: 'plain', store, workers: 1 });
    const over = { imageName: 'plain', targetPath: disk, store, workers: 1 };
    const before = await readFile(disk);
    await expect(restoreImage(over)).rejects.toMatchObject({ code: 'shared-disk' });
    await expect(captureImage({ sourcePath: disk, imageName: 'shared', store, workers: 1 })).rejects.toMatchObject({
      code: 'shared-disk',
    });
    expect((await readFile(disk)).equals(before)).toBe(true);
    expect((await planRestore({ ...over, allowShared: true })).findings).toMatchObject([
      { code: 'cluster-file-system', severity: 'warning', partition: 1 },
    ]);
  });
});

test.each([
  { pieces: 'one piece', extents: { other: 2, root: 8 } },
  { pieces: 'several pieces', extents: { root: 4, other: 2 } },
])('a Linux in a logical volume of $pieces is found as well', async ({ extents }) => {
  await withTempDirectory(async (directory) => {
    const [file, place] = [path.join(directory, 'ext'), { sizeBytes: 24 * 2 ** 20 }];
    await makeLinuxVolume(file, linuxFiles);
    const disk = await makeGroupDisk(path.join(directory, 'disk'), place, async (lvm) => {
      for (const [name, count] of Object.entries(extents)) await createVolume(lvm, name, count);
      if (extents.root < 8) await lvm('lvextend', '-l', '8', 'GROUP/root');
    });
    await putVolume(disk, place, 'root', file);
    const { systems, unknown } = await findSystems(disk, await mapDisk(disk));
    expect(unknown).toEqual([]);
    expect(systems).toMatchObject([{ partition: 1, volume: `${groupName}/root`, kind: 'linux', hostName: 'web-01' }]);
  });
});

test('a sleeping and a dirty Windows are told apart, and both are looked into all the same', async () => {
  await withTempDirectory(async (directory) => {
    const sleeping = { 'hiberfil.sys': Buffer.alloc(9000, 'HIBR') };
    const dirty = await makeWindowsVolume(path.join(directory, 'dirty'), { hostName: 'B' });
    changeRecord(dirty, 3, (record) => record.writeUInt16LE(1, findValue(record, 0x70) + 10));
    const disk = await makeVolumesDisk(path.join(directory, 'disk'), [
      await makeWindowsVolume(path.join(directory, 'sleeping'), { hostName: 'A' }, sleeping),
      dirty,
    ]);
    const { systems, unclean } = await findSystems(disk, await mapDisk(disk));
    expect(unclean).toMatchObject([
      { partition: 1, state: 'hibernated' },
      { partition: 2, state: 'dirty' },
    ]);
    expect(systems.map(({ hostName }) => hostName)).toEqual(['A', 'B']);
  });
});

test('a system that cannot be looked into is said to be unknown; a volume without one is not', async () => {
  await withTempDirectory(async (directory) => {
    const damaged = await makeWindowsVolume(path.join(directory, 'ntfs'), {});
    // All hives of it.
    for (let at = damaged.indexOf('regf'); at >= 0; at = damaged.indexOf('regf', at + 1)) damaged.write('gone', at);
    const data = await makeLinuxVolume(path.join(directory, 'ext'), { 'etc-is-not-here': '' });
    const disk = await makeVolumesDisk(path.join(directory, 'disk'), [damaged, data]);
    expect(await findSystems(disk, await mapDisk(disk))).toEqual({
      systems: [],
      unclean: [],
      unknown: [{ partition: 1, reason: 'it is no registry hive' }],
    });
  });
});

test('no damage to an NTFS or its hives makes looking into it hang, or fail with another error than ours', async () => {
  await withTempDirectory(async (directory) => {
    const traits = { domain: 'corp.example', services: { storahci: bootDriver } };
    const whole = await makeWindowsVolume(path.join(directory, 'ntfs'), traits);
    await expectSurvivesDamage(whole, { copies: 100, changes: 8 }, findWindows);
  });
});
