// Arrays in the Deploy-OS: each is one disk, nothing is written before a job writes, and what was written to is clean when the machine is off.
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashFile } from '../../initramfs/build-cache.ts';
import { Site } from '../../scripts/lab/site.ts';
import { findMdadm, makeArrayDisks } from '../fixtures/array-disks.ts';
import { makeExtDisk, noise } from '../fixtures/disks.ts';
import { withLoop } from '../fixtures/mounts.ts';
import { run } from '../fixtures/run.ts';
import { type ArrayCase, arrayCases, arrayCopies } from './array-cases.ts';
import { DisksMachine } from './disks-machine.ts';

const mib = 2 ** 20;
const attachedOf = ({ members, attached }: ArrayCase) => members.slice(0, attached);

let folder: string;
let files: Map<string, string>;
beforeAll(async () => {
  folder = await Site.makeFolder();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const digests = async () =>
  Object.fromEntries(await Promise.all([...files].map(async ([serial, file]) => [serial, await hashFile(file)])));

test('an array is one disk, read-only until a job writes, and clean at the end', async () => {
  const bytes = noise(8 * mib, 'file');
  const content = await makeExtDisk(path.join(folder, 'content'), 20 * mib, { file: bytes });
  files = await makeArrayDisks(folder, arrayCases, content);
  const before = await digests();
  const attached = arrayCases.flatMap(attachedOf);
  await using machine = await DisksMachine.start('arrays', {
    folder,
    disks: attached.map((serial) => ({ file: files.get(serial) ?? '', bus: 'scsi', serial })),
  });
  const { disks, serials, log } = await machine.disks();
  const membersOf = (disk: (typeof disks)[number]) => disk.members.map((member) => serials[member] ?? '').sort();
  for (const array of arrayCases) {
    const listed = disks.filter((disk) => membersOf(disk).join() === attachedOf(array).join());
    expect(listed, array.name).toHaveLength(array.becomes === 'nothing' ? 0 : 1);
  }
  // Nothing else is a disk but the member of the array that cannot be, which says so.
  const alone = disks.filter((disk) => disk.members.length === 0);
  expect(alone.map((disk) => [serials[disk.devicePath], disk.inUseBy.join()])).toEqual([
    ['E1', expect.stringMatching(/is a member of a firmware RAID \(Intel, IMSM\)/)],
  ]);
  expect(log.join('\n')).toMatch(/raid1, metadata imsm, degraded, 1 of 2 members missing/);
  expect(await digests()).toEqual(before);

  const pathOf = (name: string) => {
    const array = arrayCases.find((candidate) => candidate.name === name) as ArrayCase;
    return disks.find((disk) => membersOf(disk).join() === attachedOf(array).join())?.devicePath ?? '';
  };
  for (const { from, to } of arrayCopies) await machine.copy(pathOf(from), pathOf(to));
  await machine.end();

  const after = await digests();
  const targets: readonly string[] = arrayCopies.map(({ to }) => to);
  for (const array of arrayCases) {
    const written = targets.includes(array.name);
    for (const serial of array.members) {
      const touched = written && attached.includes(serial);
      expect(after[serial] === before[serial], serial).toBe(!touched);
      // A mirror's data stand at the start of each member.
      if (touched) await expectWhole(files.get(serial) ?? '', bytes);
    }
  }
});

async function expectWhole(file: string, bytes: Buffer): Promise<void> {
  // Not mounted: mount sees the mark of the array.
  await run('debugfs', '-R', `dump /file ${file}.file`, file);
  expect(bytes.equals(await readFile(`${file}.file`))).toBe(true);
  const mdadm = path.join(await findMdadm(), 'mdadm');
  await withLoop(file, [], async (device) => {
    // A loop device has no serial number to find itself by.
    const said = await run('env', 'IMSM_DEVNAME_AS_SERIAL=1', 'IMSM_NO_PLATFORM=1', mdadm, '--examine', device);
    expect(said).toMatch(/Dirty State : clean|state\[0\] : Optimal, Consistent/);
  });
}
