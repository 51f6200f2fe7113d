import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listDevices } from '../../../imaging/blockdev/list-devices.ts';
import { listDisks } from '../../../imaging/blockdev/list-disks.ts';
import { recordMachine } from '../../../imaging/blockdev/record.ts';
import { addDevice, addUdev, sataDisk, type TreeDevice, usbStick } from '../../fixtures/sysfs-tree.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'disks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function makeTree(...devices: TreeDevice[]): Promise<string> {
  const root = await mkdtemp(join(folder, 'tree-'));
  for (const device of devices) await addDevice(root, device);
  return root;
}

const first = { 'device/model': 'DISK A', wwid: 'naa.5000c50011111111' };
const second = { 'device/model': 'DISK B', 'device/serial': 'S-2' };

describe('numbers and names', () => {
  test('stay when the kernel swaps the names of two disks', async () => {
    const before = await listDisks(
      await makeTree(sataDisk('sda', '8:0', 0, first), sataDisk('sdb', '8:16', 1, second)),
    );
    const after = await listDisks(await makeTree(sataDisk('sdb', '8:16', 0, first), sataDisk('sda', '8:0', 1, second)));
    const told = (disks: typeof before) => disks.map(({ number, id, idKind }) => [number, id, idKind]);
    expect(told(before)).toEqual([
      [1, 'wwn-0x5000c50011111111', 'wwn'],
      [2, 'serial-DISK_B-S-2', 'serial'],
    ]);
    expect(told(after)).toEqual(told(before));
    expect(after.map(({ kernelName }) => kernelName)).toEqual(['sdb', 'sda']);
  });

  test('put internal disks before removable ones', async () => {
    const disks = await listDisks(await makeTree(usbStick('sda', '8:0'), sataDisk('sdb', '8:16', 0, first)));
    expect(disks.map(({ number, kernelName, bus, removable }) => [number, kernelName, bus, removable])).toEqual([
      [1, 'sdb', 'sata', false],
      [2, 'sda', 'usb', true],
    ]);
    expect(disks[1]).toMatchObject({ id: 'serial-Flash_Disk-AB12', serial: 'AB12' });
  });

  test('compare the numbers in controller paths as numbers', async () => {
    const disks = await listDisks(await makeTree(sataDisk('sda', '8:0', 10), sataDisk('sdb', '8:16', 2)));
    expect(disks.map(({ kernelName }) => kernelName)).toEqual(['sdb', 'sda']);
  });

  test('compare PCI addresses as the hexadecimal numbers they are', async () => {
    const at = (address: string) => `pci0000:00/${address}/virtio0/block`;
    const root = await makeTree(
      { name: 'vda', number: '254:0', place: at('0000:00:10.0') },
      { name: 'vdb', number: '254:16', place: at('0000:00:0a.0') },
      { name: 'vdc', number: '254:32', place: at('0000:00:09.0') },
    );
    expect((await listDisks(root)).map(({ kernelName }) => kernelName)).toEqual(['vdc', 'vdb', 'vda']);
  });

  test('rest on the path where a disk has neither WWN nor serial number', async () => {
    const root = await makeTree({ name: 'vda', number: '254:0', place: 'pci0000:00/0000:00:04.0/virtio1/block' });
    expect(await listDisks(root)).toMatchObject([{ id: 'path-0000:00:04.0', idKind: 'path', bus: 'virtio' }]);
  });

  test('rest on no WWN that the kernel has made up of model and serial number', async () => {
    const at = { name: 'nvme0n1', number: '259:0', place: 'pci0000:00/0000:00:02.0/nvme/nvme0' };
    const made = 'nvme.1b36-4e31-51-00000001';
    const root = await makeTree({ ...at, attributes: { wwid: made, 'device/model': 'SSD', 'device/serial': 'N1' } });
    await addUdev(root, '259:0', { ID_WWN: made });
    expect(await listDisks(root)).toMatchObject([{ id: 'serial-SSD-N1', wwn: null }]);
  });

  test('of an NVMe namespace come from its own WWN and its controller', async () => {
    const multipath = 'virtual/nvme-subsystem/nvme-subsys0';
    const root = await makeTree(
      {
        name: 'nvme0n1',
        number: '259:0',
        place: multipath,
        attributes: { wwid: 'eui.0025385b01234567', 'device/model': 'SSD' },
      },
      {
        ...{ name: 'nvme0c0n1', number: '259:1', place: 'pci0000:00/0000:00:02.0/nvme/nvme0' },
        attributes: { hidden: '1', 'device/state': 'live', ana_state: 'optimized' },
      },
      {
        ...{ name: 'nvme0c1n1', number: '259:2', place: 'pci0000:00/0000:00:03.0/nvme/nvme1' },
        attributes: { hidden: '1', 'device/state': 'connecting', ana_state: 'optimized' },
      },
      sataDisk('sda', '8:0', 0, second),
    );
    await symlink(
      join(root, 'sys/devices/pci0000:00/0000:00:02.0/nvme/nvme0'),
      join(root, 'sys/devices', multipath, 'nvme0'),
    );
    expect(await listDisks(root)).toMatchObject([
      {
        ...{ number: 1, kernelName: 'nvme0n1', id: 'wwn-eui.0025385b01234567', bus: 'nvme' },
        place: '0000:00:02.0/namespace1',
        parts: [
          { devicePath: 'nvme0c0n1', place: '0000:00:02.0/namespace1', state: 'optimized' },
          { devicePath: 'nvme0c1n1', place: '0000:00:03.0/namespace1', state: 'connecting' },
        ],
      },
      { number: 2, kernelName: 'sda' },
    ]);
  });
});

describe('one disk is', () => {
  test('a firmware RAID, with its members below it', async () => {
    const root = await makeTree(
      { ...sataDisk('sda', '8:0', 0, first), holders: ['md126', 'md127'] },
      { ...sataDisk('sdb', '8:16', 1, second), holders: ['md126', 'md127'] },
      { name: 'md126', number: '9:126', place: 'virtual/block', slaves: ['sda', 'sdb'] },
      { name: 'md127', number: '9:127', place: 'virtual/block', sizeMiB: 0, slaves: ['sda', 'sdb'] },
      sataDisk('sdc', '8:32', 2, { 'device/model': 'DISK C', 'device/serial': 'S-3' }),
    );
    await addUdev(root, '9:126', { MD_UUID: '01234567:89abcdef:01234567:89abcdef' });
    const disks = await listDisks(root);
    expect(disks.map(({ number, kernelName }) => [number, kernelName])).toEqual([
      [1, 'md126'],
      [2, 'sdc'],
    ]);
    expect(disks[0]).toMatchObject({
      id: 'array-01234567:89abcdef:01234567:89abcdef',
      bus: 'md',
      members: [join(root, 'dev/sda'), join(root, 'dev/sdb')],
      inUseBy: [],
    });
  });

  test('a degraded firmware RAID, which says so and which nobody has written to', async () => {
    const states = {
      ...{ 'md/level': 'raid1', 'md/array_state': 'read-auto', 'md/raid_disks': '2', 'md/degraded': '1' },
      ...{ 'md/metadata_version': 'external:/md127/0', 'md/sync_action': 'idle' },
    };
    const root = await makeTree(
      { ...sataDisk('sda', '8:0', 0, { ...first, 'device/state': 'running' }), holders: ['md126', 'md127'] },
      { name: 'md126', number: '9:126', place: 'virtual/block', slaves: ['sda'], attributes: states },
      {
        ...{ name: 'md127', number: '9:127', place: 'virtual/block', sizeMiB: 0, slaves: ['sda'] },
        attributes: { 'md/array_state': 'inactive', 'md/metadata_version': 'external:imsm' },
      },
    );
    expect(await listDisks(root)).toMatchObject([
      {
        kernelName: 'md126',
        kind: 'array',
        place: '0000:00:1f.2/ata1/scsi0:0:0',
        location: 'internal',
        array: { level: 'raid1', metadata: 'imsm', health: 'degraded', readOnly: true, members: 2, missing: 1 },
        parts: [{ model: 'DISK A', state: 'running' }],
      },
    ]);
  });

  test('a firmware RAID with a spare, which is in its container and in no volume', async () => {
    const volume = (container: string) => ({
      ...{ 'md/level': 'raid1', 'md/array_state': 'read-auto', 'md/raid_disks': '2', 'md/degraded': '0' },
      ...{ 'md/metadata_version': `external:-${container}/0`, 'md/sync_action': 'idle' },
      ...{ 'md/dev-sda/state': 'in_sync', 'md/dev-sdb/state': 'in_sync' },
    });
    const container = { 'md/array_state': 'inactive', 'md/metadata_version': 'external:imsm' };
    const root = await makeTree(
      { ...sataDisk('sda', '8:0', 0, first), holders: ['md126', 'md127'] },
      { ...sataDisk('sdb', '8:16', 1, second), holders: ['md126', 'md127'] },
      { ...sataDisk('sdc', '8:32', 2, { 'device/model': 'DISK C' }), holders: ['md127'] },
      { ...sataDisk('sdd', '8:48', 3, { 'device/model': 'DISK D' }), holders: ['md124', 'md125'] },
      ...(['md126', 'md124'] as const).map((name, i) => ({
        ...{ name, number: `9:${126 - 2 * i}`, place: 'virtual/block', slaves: i === 0 ? ['sda', 'sdb'] : ['sdd'] },
        attributes: volume(i === 0 ? 'md127' : 'md125'),
      })),
      ...(['md127', 'md125'] as const).map((name, i) => ({
        ...{ name, number: `9:${127 - 2 * i}`, place: 'virtual/block', sizeMiB: 0, attributes: container },
        slaves: i === 0 ? ['sda', 'sdb', 'sdc'] : ['sdd'],
      })),
    );
    const disks = await listDisks(root);
    expect(disks.map(({ kernelName, parts }) => [kernelName, parts.map(({ model, role }) => [model, role])])).toEqual([
      [
        'md126',
        [
          ['DISK A', 'active'],
          ['DISK B', 'active'],
          ['DISK C', 'spare'],
        ],
      ],
      ['md124', [['DISK D', null]]],
    ]);
    expect(disks[0]?.members).toHaveLength(3);
  });

  test('a mirror with a spare that was not stopped, and says both; a stripe cannot be dirty', async () => {
    const states = { 'md/array_state': 'read-auto', 'md/metadata_version': '1.2', 'md/resync_start': '0' };
    const member = (name: string, number: string, port: number): TreeDevice => ({
      ...sataDisk(name, number, port, { 'device/model': 'DISK', 'device/serial': name }),
      holders: [port < 3 ? 'md0' : 'md1'],
    });
    const root = await makeTree(
      ...[member('sda', '8:0', 0), member('sdb', '8:16', 1), member('sdc', '8:32', 2), member('sdd', '8:48', 3)],
      {
        ...{ name: 'md0', number: '9:0', place: 'virtual/block', slaves: ['sda', 'sdb', 'sdc'] },
        attributes: {
          ...{ ...states, 'md/level': 'raid1', 'md/raid_disks': '2', 'md/degraded': '0', 'md/sync_action': 'idle' },
          ...{ 'md/dev-sda/state': 'in_sync', 'md/dev-sdb/state': 'faulty,in_sync', 'md/dev-sdc/state': 'spare' },
        },
      },
      {
        ...{ name: 'md1', number: '9:1', place: 'virtual/block', slaves: ['sdd'] },
        attributes: { ...states, 'md/level': 'raid0', 'md/raid_disks': '1' },
      },
    );
    const disks = await listDisks(root);
    expect(disks).toMatchObject([
      {
        array: { health: 'whole', dirty: true, readOnly: true },
        parts: [{ role: 'active' }, { role: 'faulty' }, { role: 'spare' }],
      },
      { array: { dirty: false }, parts: [{ role: null }] },
    ]);
    const recorded = Object.keys((await recordMachine(root)).files).join('\n');
    expect(recorded).toMatch(/md0\/md\/resync_start\n/);
    expect(recorded).toMatch(/md0\/md\/dev-sdc\/state\n/);
  });

  test('each of two over whose partitions an array lies; that comes after them', async () => {
    const [a, b] = [sataDisk('sda', '8:0', 0, first), sataDisk('sdb', '8:16', 1, second)];
    const partition = (disk: TreeDevice, number: string): TreeDevice => ({
      ...{ name: `${disk.name}1`, number, place: `${disk.place}/${disk.name}`, holders: ['md0'] },
      attributes: { partition: '1' },
    });
    const root = await makeTree(...[a, b, partition(a, '8:1'), partition(b, '8:17')], {
      name: 'md0',
      number: '9:0',
      place: 'virtual/block',
      slaves: ['sda1', 'sdb1'],
    });
    const disks = await listDisks(root);
    expect(disks.map(({ number, kernelName, location }) => [number, kernelName, location])).toEqual([
      [1, 'sda', 'internal'],
      [2, 'sdb', 'internal'],
      [3, 'md0', 'partitions'],
    ]);
    expect(disks[0]?.partitions).toMatchObject([{ number: 1, inUseBy: [expect.stringContaining('held by md0')] }]);
  });

  test('never the removable medium that carries the Deploy-OS; an internal disk with its ISO is one', async () => {
    const root = await makeTree(usbStick('sda', '8:0'), sataDisk('sdb', '8:16', 0, first));
    for (const number of ['8:0', '8:16'])
      await addUdev(root, number, { ID_FS_LABEL: 'DEPLOY_OS', ID_FS_TYPE: 'iso9660' });
    expect((await listDisks(root)).map(({ kernelName }) => kernelName)).toEqual(['sdb']);
    expect((await listDevices(root)).find(({ kernelName }) => kernelName === 'sda')?.noDisk).toContain('Deploy-OS');
  });

  test('a LUN behind two paths, named by its WWN', async () => {
    const path = { wwid: 'naa.600a0b800012345600000000deadbeef' };
    const root = await makeTree(
      { ...sataDisk('sda', '8:0', 0, path), holders: ['dm-0'] },
      { ...sataDisk('sdb', '8:16', 1, path), holders: ['dm-0'] },
      {
        name: 'dm-0',
        number: '253:0',
        place: 'virtual/block',
        attributes: { 'dm/uuid': 'mpath-3600a0b800012345600000000deadbeef', 'dm/name': 'mpatha' },
        slaves: ['sda', 'sdb'],
      },
    );
    expect(await listDisks(root)).toMatchObject([
      { kernelName: 'dm-0', id: 'wwn-0x600a0b800012345600000000deadbeef', idKind: 'wwn', members: { length: 2 } },
    ]);
  });

  test('nor is a path that multipathd has not taken up yet; its LUN keeps its name (R12)', async () => {
    const at = (host: number) =>
      `pci0000:00/0000:00:0${host}.0/virtio${host}/host${host}/target${host}:0:0/${host}:0:0:0/block`;
    const attributes = { 'device/wwid': 'naa.600a0b80001234560000000000000001', 'device/model': 'LUN' };
    const path = (name: string, host: number, changed: object = {}) => {
      const held = host < 3 ? ['dm-0'] : [];
      return {
        name,
        number: `8:${host * 16}`,
        place: at(host),
        holders: held,
        attributes: { ...attributes, ...changed },
      };
    };
    const root = await makeTree(
      path('sda', 1),
      path('sdb', 2, { 'device/access_state': 'standby' }),
      path('sdc', 3),
      // Another disk that gives itself the same name.
      path('sdd', 4, { 'device/model': 'BRIDGE' }),
      {
        name: 'dm-0',
        number: '253:0',
        place: 'virtual/block',
        attributes: { 'dm/uuid': 'mpath-3600a0b80001234560000000000000001', 'dm/name': 'mpatha' },
        slaves: ['sda', 'sdb'],
      },
    );
    const disks = await listDisks(root);
    expect(disks.map(({ kernelName, parts }) => [kernelName, parts.map(({ state }) => state)])).toEqual([
      ['dm-0', [null, 'standby', 'unused']],
      ['sdd', []],
    ]);
  });

  test('neither a volume, nor a drive without medium, nor memory, nor a CD', async () => {
    const root = await makeTree(
      { ...sataDisk('sda', '8:0', 0, first), holders: ['dm-0'] },
      {
        name: 'dm-0',
        number: '253:0',
        place: 'virtual/block',
        attributes: { 'dm/uuid': 'LVM-abc', 'dm/name': 'vg-root' },
        slaves: ['sda'],
      },
      { ...usbStick('sdb', '8:16'), sizeMiB: 0 },
      { name: 'sr0', number: '11:0', place: 'pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0/block' },
      { name: 'zram0', number: '252:0', place: 'virtual/block' },
      { name: 'ram0', number: '1:0', place: 'virtual/block' },
      { name: 'loop0', number: '7:0', place: 'virtual/block', attributes: { 'loop/backing_file': '/node.squashfs' } },
      { name: 'loop1', number: '7:1', place: 'virtual/block' },
    );
    const disks = await listDisks(root);
    expect(disks.map(({ kernelName }) => kernelName)).toEqual(['sda']);
    expect(disks[0]?.inUseBy).toEqual([`${join(root, 'dev/sda')} is held by dm-0`]);
  });
});

describe('in use is a disk', () => {
  test('one of whose partitions is mounted', async () => {
    const disk = sataDisk('sda', '8:0', 0, first);
    const root = await makeTree(disk, {
      name: 'sda2',
      number: '8:2',
      place: `${disk.place}/sda`,
      attributes: { partition: '2' },
    });
    await mkdir(join(root, 'proc/self'), { recursive: true });
    await writeFile(
      join(root, 'proc/self/mountinfo'),
      '36 1 8:2 / /my\\040files rw,noatime shared:1 - ext4 /dev/sda2 rw\n',
    );
    expect((await listDisks(root))[0]?.inUseBy).toEqual([`${join(root, 'dev/sda2')} is mounted on /my files`]);
  });

  test('that is swap, also in a recorded tree, which has no device nodes', async () => {
    const root = await makeTree(sataDisk('sda', '8:0', 0, first));
    await mkdir(join(root, 'proc'));
    await writeFile(
      join(root, 'proc/swaps'),
      'Filename\tType\tSize\tUsed\tPriority\n/dev/sda\tpartition\t1020\t0\t-2\n',
    );
    expect((await listDisks(root))[0]?.inUseBy).toEqual([`${join(root, 'dev/sda')} is in use as swap`]);
  });

  test.each([
    ['of an array that nobody has assembled', 1, 'a firmware RAID (Intel, IMSM)'],
    ['of a spare of such arrays', 0, 'a firmware RAID (Intel, IMSM), as a spare'],
  ])('that carries the mark %s', async (_, volumes, array) => {
    const root = await makeTree(sataDisk('sda', '8:0', 0, first));
    const bytes = Buffer.alloc(1024 * 1024);
    bytes.write('Intel Raid ISM Cfg Sig. 1.1.00', bytes.length - 1024);
    bytes.writeUInt8(volumes, bytes.length - 1024 + 0x39);
    await mkdir(join(root, 'dev'));
    await writeFile(join(root, 'dev/sda'), bytes);
    expect((await listDisks(root))[0]?.inUseBy).toEqual([`${join(root, 'dev/sda')} is a member of ${array}`]);
  });
});
