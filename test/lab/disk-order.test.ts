// R11, R15: one machine's disks have the same numbers and ids on every boot, in whatever order they come to the kernel.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DiskSpec } from '../../scripts/lab/machine-spec.ts';
import { Site } from '../../scripts/lab/site.ts';
import { makeRawDisk } from '../fixtures/disks.ts';
import { runsAll } from '../fixtures/run-all.ts';
import { DisksMachine } from './disks-machine.ts';

const mib = 2 ** 20;
/** Two on every run; more by hand. */
const boots = Number(process.env.DEPLOY_OS_LAB_BOOTS ?? 2);

/** What is plugged in, in the order of its numbers, and the id that each must have. */
const machine = [
  // Neither WWN nor serial number: its slot is its name.
  { bus: 'virtio', slot: 0x10, serial: '', id: 'path-0000:00:10.0' },
  { bus: 'virtio', slot: 0x11, serial: 'VIRTIO-1', id: /^serial-.*VIRTIO-1$/ },
  { bus: 'nvme', slot: 0x12, serial: 'NVME-1', id: 'serial-QEMU_NVMe_Ctrl-NVME-1' },
  { bus: 'sas', slot: 0, serial: 'SAS-1', wwn: '5000c500000000a1', id: 'wwn-0x5000c500000000a1' },
  // Equal in everything but the serial number.
  { bus: 'sata', slot: 0, serial: 'TWIN-A', id: 'serial-QEMU_HARDDISK-TWIN-A' },
  { bus: 'sata', slot: 1, serial: 'TWIN-B', id: 'serial-QEMU_HARDDISK-TWIN-B' },
  // Two cheap bridges with one serial number are named by their ports.
  { bus: 'usb', slot: 1, serial: 'BRIDGE', id: /^path-.*port1_/ },
  { bus: 'usb', slot: 2, serial: 'BRIDGE', id: /^path-.*port2_/ },
  { bus: 'sd', id: /^serial-.*deadbeef$/ },
] as const satisfies readonly (Omit<DiskSpec, 'file'> & { id: string | RegExp })[];
/** They differ in size, by their place; cards have powers of two only. */
const sizesMib = machine.map(({ bus }, i) => (bus === 'sd' ? 16 : i + 1));
/** Plugged in, too, and no disks: the stick that the machine could have booted from, and a CD. */
const noDisks = [
  { bus: 'usb', slot: 3, serial: 'MEDIUM', file: 'deploy-os/deploy-os.iso' },
  { bus: 'cd', slot: 2, file: 'cd' },
] as const satisfies readonly DiskSpec[];

let folder: string;
beforeAll(async () => {
  folder = await Site.makeFolder();
  for (const [i, size] of sizesMib.entries()) await makeRawDisk(path.join(folder, `disk${i}`), size * mib);
  await makeRawDisk(path.join(folder, 'cd'), mib);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function shuffle<T>(all: readonly T[], boot: number): T[] {
  if (boot === 0) return [...all];
  if (boot === 1) return [...all].reverse();
  return all
    .map((one) => ({ one, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ one }) => one);
}

/** Shuffled recordings of real machines, without a boot: test/imaging/blockdev/disk-order.test.ts. */
test.skipIf(!runsAll).each(Array.from({ length: boots }, (_, boot) => boot))('boot %i', async (boot) => {
  const plugged: DiskSpec[] = [
    ...machine.map(({ id: _, ...disk }, i) => ({ ...disk, file: path.join(folder, `disk${i}`) })),
    ...noDisks.map((disk) => ({ ...disk, file: path.join(folder, disk.file) })),
  ];
  await using booted = await DisksMachine.start(`order-${boot}`, { folder, disks: shuffle(plugged, boot) });
  const { disks } = await booted.disks();
  expect(disks.map(({ number, sizeBytes }) => [number, sizeBytes / mib])).toEqual(
    sizesMib.map((size, i) => [i + 1, size]),
  );
  for (const [i, { id }] of machine.entries()) {
    expect(disks[i]?.id).toEqual(typeof id === 'string' ? id : expect.stringMatching(id));
  }
  expect(disks.map(({ idNote }) => idNote !== null)).toEqual(
    machine.map((disk) => 'serial' in disk && disk.serial === 'BRIDGE'),
  );
  await booted.end();
});
