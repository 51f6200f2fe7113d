// Several ways to one disk, in the Deploy-OS: each is listed once, and reads and writes survive the loss of paths (R12); what is no disk stays out (R15).
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DiskSpec } from '../../scripts/lab/machine-spec.ts';
import { Site } from '../../scripts/lab/site.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { withMount } from '../fixtures/mounts.ts';
import { DisksMachine } from './disks-machine.ts';

const mib = 2 ** 20;

/** What the machine has, in this order, and under which ids it must show its disks. */
const machine = [
  { name: 'cd', bus: 'cd', id: null },
  { name: 'stick', bus: 'usb', serial: 'STICK1', id: /^serial-.*STICK1$/ },
  { name: 'source', bus: 'scsi', paths: 2, serial: 'LUN1', wwn: '5000c50000000001', id: /^wwn-0x5000c50000000001$/ },
  { name: 'target', bus: 'scsi', paths: 4, serial: 'LUN2', wwn: '5000c50000000002', id: /^wwn-0x5000c50000000002$/ },
  { name: 'namespace', bus: 'nvme', paths: 2, serial: 'NVME1', id: /NVME1|nvme|uuid|eui/i },
  { name: 'drive-0', bus: 'megasas', serial: 'VD0', wwn: '5000c500000000d0', id: /^wwn-0x5000c500000000d0$/ },
  { name: 'drive-1', bus: 'megasas', serial: 'VD1', wwn: '5000c500000000d1', id: /^wwn-0x5000c500000000d1$/ },
] as const satisfies readonly (Omit<DiskSpec, 'file'> & { name: string; id: RegExp | null })[];

let folder: string;
beforeAll(async () => {
  folder = await Site.makeFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a LUN is one disk, whatever the number of its paths, and a copy outlives their loss', async () => {
  const bytes = noise(40 * mib, 'file');
  const fileOf = (name: string) => path.join(folder, `${name}.raw`);
  for (const { name } of machine) {
    if (name === 'source') await makeExtDisk(fileOf(name), 64 * mib, { file: bytes });
    else await makeRawDisk(fileOf(name), 64 * mib, [{ offsetBytes: mib, bytes: noise(4096, name) }]);
  }
  await using booted = await DisksMachine.start('paths', {
    folder,
    disks: machine.map(({ name, id: _, ...disk }) => ({ ...disk, file: fileOf(name) })),
  });
  const { disks } = await booted.disks();
  const wanted = machine.filter(({ id }) => id !== null);
  const found = wanted.map(({ id }) => disks.filter((disk) => id?.test(disk.id)));
  const seen = disks.map(({ id, kernelName }) => `${kernelName} ${id}`).join('; ');
  expect(
    found.map(({ length }) => length),
    seen,
  ).toEqual(wanted.map(() => 1));
  expect(disks, seen).toHaveLength(wanted.length);
  // The stick was found first, and is last.
  expect(disks.at(-1)?.id).toMatch(/STICK1/);
  const [source, target] = ['source', 'target'].map(
    (name) => found[wanted.findIndex((disk) => disk.name === name)]?.[0],
  );
  expect([source?.members.length, target?.members.length]).toEqual([2, 4]);

  await booted.copyLosingPaths(source?.devicePath ?? '', target?.devicePath ?? '');
  const events = await booted.pathEvents();
  expect(events.filter((line) => /Failing path/.test(line)).length).toBeGreaterThanOrEqual(6);
  expect(events.filter((line) => /Reinstating path/.test(line)).length).toBeGreaterThanOrEqual(2);
  await booted.end();
  await withMount(fileOf('target'), 'ro,noload', async (root) => {
    expect(bytes.equals(await readFile(path.join(root, 'file')))).toBe(true);
  });
});
