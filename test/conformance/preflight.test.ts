import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { mapDisk } from '../../imaging/map.ts';
import { findSystems } from '../../imaging/preflight/find-systems.ts';
import { makeLinuxVolume, makeVolumesDisk, makeWindowsVolume } from '../fixtures/system-disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { createVolume, groupName, makeGroupDisk, putVolume } from '../fixtures/volume-disks.ts';
import { bootDriver } from '../fixtures/windows-hives.ts';

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
    expect((await readFile(disk)).equals(before)).toBe(true);
  });
});

test('a Linux in a logical volume is found as well', async () => {
  await withTempDirectory(async (directory) => {
    const [file, place] = [path.join(directory, 'ext'), { sizeBytes: 24 * 2 ** 20 }];
    await makeLinuxVolume(file, linuxFiles);
    const disk = await makeGroupDisk(path.join(directory, 'disk'), place, async (lvm) => {
      await createVolume(lvm, 'other', 2);
      await createVolume(lvm, 'root', 8);
    });
    await putVolume(disk, place, 'root', file);
    const { systems, unknown } = await findSystems(disk, await mapDisk(disk));
    expect(unknown).toEqual([]);
    expect(systems).toMatchObject([{ partition: 1, volume: `${groupName}/root`, kind: 'linux', hostName: 'web-01' }]);
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
      unknown: [{ partition: 1, reason: 'it is no registry hive' }],
    });
  });
});
