// Machines that `deploy-os disks --record` was run on (docs/disks.md): each is listed as what it is made of, by real kernels' words (R2, R11, R12).
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Disk } from '../../../imaging/blockdev/disk.ts';
import { listDisks } from '../../../imaging/blockdev/list-disks.ts';
import { listRecorded } from '../../../imaging/blockdev/record.ts';

const folder = path.join(import.meta.dirname, 'recorded');

const fives = '5f5f5f5f-5f5f-5f5f-5f5f-5f5f5f5f5f5f';
/** Two bridges have the same serial number, and one disk has none. */
const mixture = [
  'path-0000:00:10.0: disk',
  'serial-virtio-VIRTIO-1: disk',
  'serial-QEMU_NVMe_Ctrl-NVME-1: disk',
  'wwn-0x5000c500000000a1: disk',
  'serial-QEMU_HARDDISK-TWIN-A: disk',
  'serial-QEMU_HARDDISK-TWIN-B: disk',
  'path-0000:00:03.0_usb2_port1_interface1.0_scsi0:0:0: disk',
  'path-0000:00:03.0_usb2_port2_interface1.0_scsi0:0:0: disk',
  'serial-QEMU_-0xdeadbeef: disk',
];

/** In the order of the numbers: what kind of name it has, what it is and how it is, and the serial numbers of what it is made of. */
const machines: Readonly<Record<string, readonly string[]>> = {
  // test/lab/array-cases.ts, after the agent has put the arrays together.
  arrays: [
    'array: raid1 imsm whole dirty, of A1 A2',
    'array: raid0 imsm whole, of B1 B2',
    'array: raid5 imsm whole, of C1 C2 C3',
    'array: raid1 imsm degraded, of D1',
    'serial-QEMU_HARDDISK-E1: disk, a member of a firmware RAID (Intel, IMSM)',
    'array: raid1 ddf whole, of F1 F2',
    'array: raid1 1.2 whole, of G1 G2',
    'array: raid1 1.2 whole dirty, of H1 H2',
    'array: raid1 imsm whole dirty, of I1 I2',
    'array: raid1 1.2 whole dirty, of J1 J2 J3(spare)',
    'array: raid1 1.2 degraded, of K1 K3(spare)',
    'array: raid1 0.90 whole, of L1 L2',
    'array: raid1 0.90 whole, of M1 M2',
    'serial-QEMU_HARDDISK-N1: disk, a member of a firmware RAID (DDF)',
    'array: raid1 imsm whole, of Q1 Q2',
    'serial-QEMU_HARDDISK-Q3: disk, a member of a firmware RAID (Intel, IMSM), as a spare',
    'array: raid1 ddf whole, of R1 R2 R3(spare)',
    'array: raid1 1.2 whole dirty, of S1 S2',
    'array: raid1 imsm whole dirty, of T1 T2',
    'serial-QEMU_HARDDISK-P1: disk, a member of a firmware RAID (Promise FastTrak)',
    'serial-QEMU_HARDDISK-P2: disk, a member of a firmware RAID (LSI MegaRAID)',
    'serial-QEMU_HARDDISK-V1: disk',
    'serial-QEMU_HARDDISK-V2: disk',
    'serial-QEMU_HARDDISK-W1: disk',
    'serial-QEMU_HARDDISK-W2: disk',
  ],
  // test/lab/paths.test.ts, after multipathd has put the paths together.
  paths: [
    'wwn-0x5000c50000000001: multipath, of LUN1 LUN1',
    'wwn-0x5000c50000000002: multipath, of LUN2 LUN2 LUN2 LUN2',
    'wwn-0x5000c500000000d0: disk',
    'wwn-0x5000c500000000d1: disk',
    'serial-QEMU_NVMe_Ctrl-NVME1: disk, of NVME1 NVME1',
    'serial-virtio-SYSTEMS: disk',
    'serial-virtio-FOUR1: disk',
    'serial-QEMU_NVMe_Ctrl-FOUR2: disk',
    `wwn-0x60014055f5f5f5f5f5f5f5f5f5f5f5f5: multipath, of ${fives} ${fives}(standby)`,
    'serial-QEMU_HARDDISK-STICK1: disk',
  ],
  // test/lab/disk-order.test.ts, booted twice: QEMU was told of the disks in opposite orders.
  'order-0': mixture,
  'order-1': mixture,
};

const usualStates: ReadonlySet<string | null> = new Set(['running', 'live', 'optimized', 'active/optimized']);

function describe(disk: Disk): string {
  const { id, idKind, kind, array, parts, inUseBy } = disk;
  const what = array === null ? kind : `${array.level} ${array.metadata} ${array.health}${array.dirty ? ' dirty' : ''}`;
  const of = parts.map(({ serial, role, state }) => {
    const usual = role === 'active' || (role === null && usualStates.has(state));
    return usual ? serial : `${serial}(${role ?? state})`;
  });
  const uses = inUseBy.map((use) => use.replace(/^\S+ is (a member)/, '$1'));
  const facts = [what, ...uses, ...(of.length === 0 ? [] : [`of ${of.sort().join(' ')}`])];
  // An array's UUID is another each time it is made.
  return `${idKind === 'array' ? 'array' : id}: ${facts.join(', ')}`;
}

test.each(Object.entries(machines))('%s', async (name, expected) => {
  const recording = gunzipSync(await readFile(path.join(folder, `${name}.json.gz`))).toString();
  const disks = await listRecorded(recording, listDisks);
  expect(disks.map(describe)).toEqual(expected);
  expect(disks.map(({ number }) => number)).toEqual(expected.map((_, i) => i + 1));
  for (const { members, parts, kind } of disks) if (kind !== 'disk') expect(members.length).toBe(parts.length);
});

test('every recording has its table', async () => {
  expect((await readdir(folder)).sort()).toEqual(
    Object.keys(machines)
      .map((name) => `${name}.json.gz`)
      .sort(),
  );
});
