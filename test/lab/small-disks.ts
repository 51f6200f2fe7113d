// What a booted Deploy-OS is given to grow, to shrink and to renew: two small disks as images of the server, blank disks of other sizes to
// restore them to, and what must hold of those afterwards; and a Linux to be started by kexec.
import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { runCommand } from '../../scripts/lab/run-command.ts';
import type { Site } from '../../scripts/lab/site.ts';
import { readServerAccess } from '../../server/address-file.ts';
import { describeTree } from '../fixtures/describe-tree.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { type GrowCase, growCases, tool } from '../fixtures/grow-cases.ts';
import { withFuse } from '../fixtures/mounts.ts';
import { createVolume, makeGroupDisk, putVolume, takeVolume } from '../fixtures/volume-disks.ts';
import { makeTinyLinux, tinyLinuxMib } from './tiny-linux.ts';

const mib = 2 ** 20;
const deployOs = path.join(import.meta.dirname, '../../cli/deploy-os');

const fat: GrowCase = {
  ...{ fileSystem: 'vfat', sizeMib: 40, sizeOf: () => 40 * mib },
  make: (file) => tool('mkfs.vfat', '-F', '32', file),
  fill: (file, work) => withFuse('fusefat', file, 'rw+', work),
  check: (file) => tool('fsck.vfat', '-n', file),
};
/** The partitions of the first disk, in order. Of a swap area nothing is kept but its names, and one of those changes. */
const parts = [...growCases, fat].map((kind) => (kind.fileSystem === 'swap' ? { ...kind, check: () => {} } : kind));
const partsMib = parts.reduce((sum, { sizeMib }) => sum + sizeMib, 2);
const [ext4] = growCases as [GrowCase];
/** The partition of the second disk, a volume group. */
const groupMib = ext4.sizeMib + 8;

const number = (fileSystem: string) => parts.findIndex((part) => part.fileSystem === fileSystem) + 1;

/**
 * Restores, each onto a disk of its own, that is larger or smaller by `moreMib`. Only the kernel grows XFS and Btrfs; a volume is grown
 * over FUSE, and what is made smaller lies there too.
 */
export const restores = [
  { image: 'parts', serial: 'LAB-XFS', flags: ['--grow', `${number('xfs')}`, '--new-ids'], moreMib: 96 },
  { image: 'parts', serial: 'LAB-BTRFS', flags: ['--grow', `${number('btrfs')}`], moreMib: 96 },
  { image: 'parts', serial: 'LAB-NTFS', flags: ['--grow', `${number('ntfs')}`], moreMib: 96 },
  { image: 'parts', serial: 'LAB-SMALL', flags: ['--shrink'], moreMib: -8 },
  { image: 'group', serial: 'LAB-VOLUME', flags: ['--grow', 'last'], moreMib: 96 },
] as const;
type Restore = (typeof restores)[number];

/** And one that is started when it has been restored, with a name of its own. */
export const started = { image: 'linux', serial: 'LAB-KEXEC', hostName: 'web-03' } as const;

const sizesMib = { parts: partsMib, group: groupMib + 2, linux: tinyLinuxMib } as const;
export const blankDisks = [...restores, { ...started, moreMib: 0 }].map(({ serial, image, moreMib }) => ({
  ...({ bus: 'virtio', serial } as const),
  content: { blankBytes: (sizesMib[image] + moreMib) * mib },
}));

type Part = {
  readonly guid: string;
  readonly uuid: string;
  readonly sizeBytes: number;
  readonly tree: readonly string[];
};
type Table = { readonly guid: string; readonly parts: readonly Part[] };
export type SmallDisks = { readonly table: Table; readonly volumeTree: readonly string[] };

/** Makes these disks on this machine and captures them to the server. */
export async function captureSmallDisks(site: Site): Promise<SmallDisks> {
  const place = (name: string) => path.join(site.folder, `${name}.raw`);
  const disk = await makeRawDisk(place('parts'), partsMib * mib);
  let startMib = 1;
  for (const [index, kind] of parts.entries()) {
    const part = await makeFileSystem(place('part'), kind);
    const endMib = startMib + kind.sizeMib;
    tool('sgdisk', '-n', `${index + 1}:${startMib * 2048}:${endMib * 2048 - 1}`, disk);
    tool('dd', `if=${part}`, `of=${disk}`, 'bs=1M', `seek=${startMib}`, 'conv=notrunc,sparse');
    startMib = endMib;
  }
  const content = await makeFileSystem(place('part'), ext4);
  const group = await makeGroupDisk(place('group'), { sizeBytes: groupMib * mib }, (lvm) =>
    createVolume(lvm, 'root', ext4.sizeMib),
  );
  await putVolume(group, { sizeBytes: groupMib * mib }, 'root', content);
  await makeTinyLinux(place('linux'), path.join(site.folder, 'boot/vmlinuz'));
  for (const name of ['parts', 'group', 'linux']) await captureToServer(site, place(name), name);
  return { table: await readTable(disk), volumeTree: await listFiles(content, ext4) };
}

async function makeFileSystem(file: string, { sizeMib, make, fill }: GrowCase): Promise<string> {
  await makeRawDisk(file, sizeMib * mib);
  await make(file);
  await fill?.(file, async (folder) => {
    for (let i = 0; i < 20; i++) await writeFile(path.join(folder, `${i}`), noise(i * 9001, `${i}`));
  });
  return file;
}

async function captureToServer(site: Site, disk: string, name: string): Promise<void> {
  const { url, token, caFingerprint } = await readServerAccess(site.server.options.dataDir);
  const store = ['--store', url, '--token', token, '--ca', caFingerprint];
  await runCommand(...site.network.wrapCommand(deployOs, ['image', 'capture', disk, name, ...store]));
}

async function listFiles(file: string, { fill }: GrowCase): Promise<string[]> {
  let tree: string[] = [];
  await fill?.(file, async (folder) => {
    tree = await describeTree(folder);
  });
  return tree;
}

/** Ids as sfdisk and blkid see them; every file system is found whole, and as large as its partition. */
async function readTable(disk: string): Promise<Table> {
  expect(tool('sgdisk', '-v', disk)).toMatch(/No problems found/);
  const { id, partitions } = JSON.parse(tool('sfdisk', '--json', disk)).partitiontable;
  const found: Part[] = [];
  for (const [index, kind] of parts.entries()) {
    const { start, size, uuid: guid } = partitions[index];
    const part = `${disk}.part`;
    tool('dd', `if=${disk}`, `of=${part}`, 'bs=1M', `skip=${start / 2048}`, `count=${size / 2048}`, 'conv=sparse');
    await truncate(part, size * 512);
    await kind.check(part);
    expect(size * 512 - (await kind.sizeOf(part))).toBeLessThanOrEqual(2 * mib);
    const uuid = tool('blkid', '-p', '-s', 'UUID', '-o', 'value', part).trim();
    found.push({ guid, uuid, sizeBytes: size * 512, tree: await listFiles(part, kind) });
  }
  return { guid: id, parts: found };
}

/** What the restore has to have left on its disk. */
export async function expectRestored(disk: string, restore: Restore, before: SmallDisks): Promise<void> {
  if (restore.image === 'group') return await expectGrownVolume(disk, restore.moreMib, before.volumeTree);
  const { guid, parts: now } = await readTable(disk);
  const was = before.table.parts;
  expect(now.map(({ tree }) => tree)).toEqual(was.map(({ tree }) => tree));
  const changes = now.map(({ sizeBytes }, i) => sizeBytes - (was[i]?.sizeBytes ?? 0));
  const [, grown] = restore.flags;
  if (grown === undefined) expect(changes.filter((change) => change !== 0)).toEqual([restore.moreMib * mib]);
  else expect(changes).toEqual(was.map((_, i) => (`${i + 1}` === grown ? restore.moreMib * mib : 0)));
  const ids = [guid, before.table.guid, ...[...now, ...was].flatMap((part) => [part.guid, part.uuid])];
  expect(new Set(ids).size).toBe((1 + 2 * parts.length) * (restore.flags.length === 3 ? 2 : 1));
}

async function expectGrownVolume(disk: string, moreMib: number, tree: readonly string[]): Promise<void> {
  const place = { sizeBytes: (groupMib + moreMib) * mib };
  const root = await takeVolume(disk, place, 'root', `${disk}.root`);
  ext4.check(root);
  // All that the group has but what LVM keeps for itself in front.
  expect(ext4.sizeOf(root)).toBe(place.sizeBytes - mib);
  expect(await listFiles(root, ext4)).toEqual(tree);
}
