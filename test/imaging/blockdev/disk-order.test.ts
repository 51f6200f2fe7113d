// R11, R15: the same hardware has the same numbers and ids, whatever order the kernel found it in.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listDisks } from '../../../imaging/blockdev/list-disks.ts';
import { listRecorded, recordMachine } from '../../../imaging/blockdev/record.ts';
import { bootMachine, type Plugged } from '../../fixtures/machine-tree.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'order-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const wwn = (digits: string) => ({ wwid: `naa.5000c500${digits}` });
const sameSerial = { 'device/model': 'USB Bridge', 'device/serial': 'ABCDEF123' };
/** In the order in which the disks must be numbered. */
const machine: readonly Plugged[] = [
  { on: 'nvme', pci: '0000:00:03.0', facts: { wwid: 'eui.0025385b01234567' } },
  { on: 'virtio-blk', pci: '0000:00:09.0' },
  { on: 'virtio-blk', pci: '0000:00:0a.0' },
  { on: 'virtio-scsi', pci: '0000:00:0b.0', port: 2 },
  { on: 'virtio-scsi', pci: '0000:00:0b.0', port: 10 },
  { on: 'sas', pci: '0000:00:0c.0', port: 1, facts: wwn('00000001') },
  { on: 'sas', pci: '0000:00:0c.0', port: 4 },
  { on: 'fc', pci: '0000:00:10.0', targetPort: '0x50060e8010000001', unit: 0 },
  { on: 'fc', pci: '0000:00:10.0', targetPort: '0x50060e8010000001', unit: 1 },
  { on: 'fc', pci: '0000:00:10.0', targetPort: '0x50060e8010000002', unit: 0 },
  { on: 'ahci', pci: '0000:00:1f.2', port: 0, facts: wwn('00000002') },
  { on: 'ahci', pci: '0000:00:1f.2', port: 3 },
  { on: 'ahci', pci: '0000:00:1f.5', port: 0 },
  { on: 'iscsi', target: 'iqn.2026-01.org.example:a', unit: 0 },
  { on: 'iscsi', target: 'iqn.2026-01.org.example:b', unit: 0 },
  { on: 'usb', pci: '0000:00:14.0', port: 1, facts: sameSerial },
  { on: 'usb', pci: '0000:00:14.0', port: 4, facts: sameSerial },
  { on: 'sd-card', pci: '0000:00:15.0' },
];

async function boot(found: readonly Plugged[]) {
  const root = await mkdtemp(join(folder, 'boot-'));
  // What is plugged in is told apart by its size alone, which no rule looks at.
  await bootMachine(
    root,
    found.map((plugged) => ({ ...plugged, facts: { ...plugged.facts, size: String(sizeOf(plugged)) } })),
  );
  return (await listDisks(root)).map(({ number, id, sizeBytes, idNote }) => ({ number, id, sizeBytes, idNote }));
}

const sizeOf = (plugged: Plugged) => 2048 * (machine.indexOf(plugged) + 1);

test('disks are numbered internal ones first, by where they hang', async () => {
  const disks = await boot(machine);
  expect(disks.map(({ sizeBytes }) => sizeBytes / 512 / 2048)).toEqual(machine.map((_, i) => i + 1));
  expect(new Set(disks.map(({ id }) => id)).size).toBe(machine.length);
});

test('numbers and ids do not depend on the order of discovery', async () => {
  const expected = await boot(machine);
  const order = fc.shuffledSubarray([...machine], { minLength: machine.length, maxLength: machine.length });
  await fc.assert(
    fc.asyncProperty(order, async (found) => {
      expect(await boot(found)).toEqual(expected);
    }),
    // Each boot makes a tree of files. What looks at the order of any two disks fails in half of the runs.
    { numRuns: 15 },
  );
});

test('a recording has the same disks as the machine it was made on', async () => {
  const root = await mkdtemp(join(folder, 'recorded-'));
  await bootMachine(root, [...machine].reverse());
  const recorded = await listRecorded(JSON.stringify(await recordMachine(root)), listDisks);
  expect(recorded).toEqual(JSON.parse(JSON.stringify(await listDisks(root)).replaceAll(root, '')));
});

test('a recording tells of the mounts of disks, and of no others', async () => {
  const root = await mkdtemp(join(folder, 'mounts-'));
  await bootMachine(root, [{ on: 'virtio-blk', pci: '0000:00:09.0' }]);
  await mkdir(join(root, 'proc/self'), { recursive: true });
  const share = '31 1 0:40 / /home rw - nfs4 files.example.org:/home rw';
  await writeFile(join(root, 'proc/self/mountinfo'), `30 1 254:0 / /data rw - ext4 /dev/vda rw\n${share}\n`);
  const recording = await recordMachine(root);
  expect(Buffer.from(recording.files['proc/self/mountinfo'] ?? '', 'base64').toString()).not.toContain('example');
  expect(await listRecorded(JSON.stringify(recording), listDisks)).toMatchObject([
    { inUseBy: ['/dev/vda is mounted on /data'] },
  ]);
});

test.each([
  ['a path that leads out of it', { 'sys/../../out': 'aGk=' }],
  ['a path from the root', { '/sys/out': 'aGk=' }],
])('a recording with %s is refused, and nothing is written', async (_, files) => {
  const text = JSON.stringify({ formatVersion: 1, kernel: '', files, links: {}, directories: [] });
  await expect(listRecorded(text, listDisks)).rejects.toMatchObject({ code: 'invalid-input' });
});

test('one serial number of two USB bridges names neither: both are named by their port', async () => {
  const bridges = (await boot(machine)).slice(15, 17);
  expect(bridges.map(({ id }) => id)).toEqual([
    'path-0000:00:14.0_usb2_port1_interface1.0_scsi0:0:0',
    'path-0000:00:14.0_usb2_port4_interface1.0_scsi0:0:0',
  ]);
  expect(bridges[0]?.idNote).toBe('another disk of this machine calls itself serial-USB_Bridge-ABCDEF123 too');
});
