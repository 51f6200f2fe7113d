// A machine that boots from a mirror over partitions of its disks: that is content of the disks, which are captured and restored as what they are (R2).
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NetworkNamespace } from '../../scripts/lab/network-namespace.ts';
import { Machine } from '../../scripts/lab/qemu.ts';
import { Site } from '../../scripts/lab/site.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { makeMirrorBootDisks, mirrorDiskBytes, mirrorGreeting } from '../fixtures/mirror-boot-disks.ts';
import { DisksMachine } from './disks-machine.ts';

let folder: string;
beforeAll(async () => {
  folder = await Site.makeFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('both of its disks are disks, and what they are restored to boots', async () => {
  const sources = await makeMirrorBootDisks(folder);
  const old = [{ offsetBytes: 0, bytes: noise(2 ** 20, 'old') }];
  const targets = ['one', 'two'].map((name) => path.join(folder, name));
  for (const target of targets) await makeRawDisk(target, mirrorDiskBytes, old);
  {
    await using booted = await DisksMachine.start('mirror', {
      folder,
      disks: [...sources, ...targets].map((file) => ({ file, bus: 'sata' })),
    });
    const { disks } = await booted.disks();
    expect(disks.map(({ kind, inUseBy }) => [kind, inUseBy])).toEqual(disks.map(() => ['disk', []]));
    const types = disks.map(({ partitions }) => partitions.map(({ contents }) => contents?.type ?? null));
    expect(types).toEqual([[null, 'linux_raid_member'], [null, 'linux_raid_member'], [], []]);
    const [one, two, ...to] = disks.map(({ devicePath }) => devicePath);
    await booted.copy(one ?? '', to[0] ?? '');
    await booted.copy(two ?? '', to[1] ?? '');
    await booted.end();
  }
  const network = await NetworkNamespace.create();
  try {
    const disks = targets.map((file) => ({ file, bus: 'sata' }) as const);
    await using machine = await Machine.start({ name: 'restored', bootFrom: 'disk', disks, nics: [] }, network, folder);
    await machine.waitForSerial(mirrorGreeting, 240_000);
    await machine.waitForPowerOff(60_000);
  } finally {
    network.close();
  }
});
