// Arrays in the Deploy-OS: each is one disk, nothing is written before a job writes, and what was written to is clean when the machine is off.
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Disk } from '../../imaging/blockdev/disk.ts';
import { hashFile } from '../../initramfs/build-cache.ts';
import { Site } from '../../scripts/lab/site.ts';
import { type ArrayContents, findMdadm, makeArrayDisks } from '../fixtures/array-disks.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { withLoop } from '../fixtures/mounts.ts';
import { run } from '../fixtures/run.ts';
import { makeSpreadGroup, spreadDiskBytes } from '../fixtures/spread-group.ts';
import { writeMbrEntry } from '../fixtures/tables.ts';
import { type ArrayCase, aloneOf, arrayCases, arrayCopies, attachedOf, leftovers, spread } from './array-cases.ts';
import { DisksMachine } from './disks-machine.ts';

const mib = 2 ** 20;
const contentBytes = 20 * mib;
const bytes = noise(8 * mib, 'file');

let folder: string;
/** By serial number. */
let files: Map<string, string>;
let machine: DisksMachine;
beforeAll(async () => {
  folder = await Site.makeFolder();
  files = await makeArrayDisks(folder, arrayCases, await makeContents());
  for (const leftover of leftovers) files.set(leftover.serial, await makeLeftover(leftover));
  for (const serial of [...spread.group, ...spread.targets])
    files.set(serial, await makeRawDisk(path.join(folder, `${serial}.raw`), spreadDiskBytes));
  const [one, two] = spread.group;
  await makeSpreadGroup(fileOf(one), fileOf(two), 'deployspread');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const fileOf = (serial: string) => files.get(serial) ?? '';

async function makeContents(): Promise<ArrayContents> {
  const alone = await makeExtDisk(path.join(folder, 'files'), contentBytes, { file: bytes });
  const table = Buffer.alloc(512);
  writeMbrEntry(table, 0, { type: 0x83, startLba: 2048, sectors: contentBytes / 512 });
  const parts = [
    { offsetBytes: 0, bytes: table },
    { offsetBytes: mib, bytes: await readFile(alone) },
  ];
  return { files: alone, table: await makeRawDisk(path.join(folder, 'table'), contentBytes + mib, parts) };
}

/** No two of them have the same content. */
async function makeLeftover({ serial, sizeBytes, sectorsFromEnd, mark, blkidName }: (typeof leftovers)[number]) {
  const file = await makeRawDisk(path.join(folder, `${serial}.raw`), sizeBytes, [
    { offsetBytes: mib, bytes: noise(mib, serial) },
    { offsetBytes: sizeBytes - sectorsFromEnd * 512, bytes: Buffer.from(mark) },
  ]);
  expect((await run('blkid', '-p', '-s', 'TYPE', '-o', 'value', file)).trim()).toBe(blkidName);
  return file;
}

const digests = async () =>
  Object.fromEntries(await Promise.all([...files].map(async ([serial, file]) => [serial, await hashFile(file)])));

test('an array is one disk, read-only until a job writes, and clean at the end; a member alone is refused', async () => {
  const before = await digests();
  for (const array of arrayCases.filter(({ unevenAtMiB }) => unevenAtMiB !== undefined)) await expectUneven(array);
  const attached = [
    ...arrayCases.flatMap(attachedOf),
    ...leftovers.map(({ serial }) => serial),
    ...[...spread.group, ...spread.targets],
  ];
  await using started = await DisksMachine.start('arrays', {
    folder,
    disks: attached.map((serial) => ({ file: fileOf(serial), bus: 'scsi', serial })),
  });
  machine = started;
  const { disks, serials, log } = await machine.disks();
  const serialsOf = ({ members, devicePath }: Disk) =>
    members.length === 0 ? [serials[devicePath] ?? ''] : members.map((member) => serials[member] ?? '').sort();
  expectArrays(disks, serialsOf);
  expect(log.join('\n')).toMatch(/raid1, metadata imsm, degraded, 1 of 2 members missing/);
  const [, left = ''] = /of (.*) no array could be assembled/.exec(log.join('\n')) ?? [];
  // Their order is that of the kernel's names, which differs from boot to boot.
  expect(
    left
      .split(', ')
      .map((device) => serials[device])
      .toSorted(),
  ).toEqual(['E1', 'N1']);

  // Nothing else is a disk but members of arrays that cannot be, which say so, and the disks that are none.
  const alone = disks.filter((disk) => disk.members.length === 0);
  expect(alone.map((disk) => [serials[disk.devicePath], disk.inUseBy.join()])).toEqual([
    ['E1', expect.stringMatching(/is a member of a firmware RAID \(Intel, IMSM\)/)],
    ['N1', expect.stringMatching(/is a member of a firmware RAID \(DDF\)/)],
    ['Q3', expect.stringMatching(/is a member of a firmware RAID \(Intel, IMSM\), as a spare/)],
    ...leftovers.map(({ serial, words }) => [serial, expect.stringMatching(words)]),
    ...[...spread.group, ...spread.targets].map((serial) => [serial, '']),
  ]);
  // All have the numbers of their places: an array that of its first member.
  expect(disks.map(({ number }) => number)).toEqual(disks.map((_, i) => i + 1));
  const firsts = [
    ...arrayCases.flatMap((array) => [array.members[0], ...aloneOf(array)]),
    ...attached.slice(attached.indexOf('P1')),
  ];
  expect(disks.map((disk) => serialsOf(disk)[0])).toEqual(firsts);

  const again = await machine.lookAgain();
  expect(again).toEqual({ disks, serials, log: [] });
  expect(await digests()).toEqual(before);

  const pathOf = (serial: string) => disks.find((disk) => serialsOf(disk)[0] === serial)?.devicePath ?? '';
  await expectRefusals(pathOf, (serial) => Object.keys(serials).find((device) => serials[device] === serial) ?? '');
  await machine.copy(pathOf('P2'), pathOf('P1'), { allowMember: true });
  for (const [i, serial] of spread.group.entries()) {
    const { notes } = await machine.copy(pathOf(serial), pathOf(spread.targets[i] ?? ''));
    expect(notes.join()).toMatch(/deployspread lies on 2 physical volumes/);
  }
  const caseOf = (name: string) => arrayCases.find((array) => array.name === name) as ArrayCase;
  const pathOfArray = (name: string) => pathOf(caseOf(name).members[0] ?? '');
  for (const { from, to, comparedLater = false } of arrayCopies) {
    if (comparedLater) await machine.slowResync(pathOfArray(to));
    await machine.copy(pathOfArray(from), pathOfArray(to));
  }
  await expectCompared(pathOfArray);
  await machine.end();

  const after = await digests();
  // What was read byte by byte is there byte by byte.
  const copies = new Map([
    ['P1', 'P2'],
    ...spread.targets.map((serial, i) => [serial, spread.group[i] ?? ''] as const),
  ]);
  for (const [to, from] of copies) expect(after[to], `${from} on ${to}`).toBe(before[from]);
  for (const { from, to, comparedLater = false } of arrayCopies) {
    const { members, attached, metadata, spare } = caseOf(to);
    const written = members.slice(0, attached);
    for (const [i, serial] of written.entries()) {
      const said = await examine(fileOf(serial));
      expect(said, serial).toMatch(
        comparedLater ? toBeCompared[metadata as keyof typeof toBeCompared] : clean[metadata],
      );
      // Until they are compared it is the first that counts.
      if (i > 0 && comparedLater) continue;
      expect(bytes.equals(await readContent(fileOf(serial), said, caseOf(from).content)), serial).toBe(true);
    }
    if (!comparedLater) expect(await areAlike(caseOf(to)), to).toBe(true);
    // Who writes to an array writes on its spare, too, how new it is.
    for (const serial of [...written, ...(spare === undefined ? [] : [spare])]) copies.set(serial, from);
  }
  for (const serial of files.keys()) expect(after[serial] !== before[serial], serial).toBe(copies.has(serial));
});

function expectArrays(disks: readonly Disk[], serialsOf: (disk: Disk) => string[]): void {
  for (const array of arrayCases) {
    const { name, becomes, spare, content, dirty = false } = array;
    const shown = attachedOf(array).filter((serial) => !aloneOf(array).includes(serial));
    const listed = disks.filter((disk) => disk.kind === 'array' && serialsOf(disk).join() === shown.join());
    expect(listed, name).toHaveLength(becomes === 'nothing' ? 0 : 1);
    for (const disk of listed) {
      const health = becomes === 'disk' ? 'whole' : 'degraded';
      expect(disk.array, name).toMatchObject({ health, dirty, readOnly: true });
      const roles = disk.parts.map(({ role }) => role).sort();
      expect(roles, name).toEqual(shown.map((serial) => (serial === spare ? 'spare' : 'active')));
      expect(disk.partitions, name).toHaveLength(content === 'table' ? 1 : 0);
    }
  }
}

async function expectRefusals(pathOf: (serial: string) => string, deviceOf: (serial: string) => string): Promise<void> {
  const [from, to] = spread.targets;
  const [promise, lsi] = leftovers;
  const ddf = { serial: 'N1', words: /is a member of a firmware RAID \(DDF\)/ };
  const spare = { serial: 'Q3', words: /is a member of a firmware RAID \(Intel, IMSM\), as a spare/ };
  const hint = expect.stringContaining('--member');
  for (const { serial, words } of [lsi, ddf]) {
    const message = expect.stringMatching(words);
    expect(await machine.refuse(pathOf(serial), pathOf(to))).toEqual({ code: 'source-member', message, hint });
  }
  for (const { serial, words } of [promise, spare]) {
    const message = expect.stringMatching(words);
    expect(await machine.refuse(pathOf(from), pathOf(serial))).toEqual({ code: 'target-member', message, hint });
  }
  // The container holds its spare.
  const message = expect.stringMatching(/is held by md\d+/);
  expect(await machine.refuse(deviceOf('R3'), pathOf(to))).toMatchObject({ code: 'source-held', message });
  expect(await machine.refuse(pathOf(from), deviceOf('R3'))).toMatchObject({ code: 'target-held', message });
}

/** From the first write on the kernel compares the members of what was dirty. */
async function expectCompared(pathOfArray: (name: string) => string): Promise<void> {
  const copies = arrayCopies.filter(({ to }) => arrayCases.some(({ name, dirty }) => dirty && name === to));
  let arrays: (Disk['array'] | undefined)[] = [];
  await machine.machine.waitUntil('members to be compared', 60_000, async () => {
    const { disks } = await machine.lookAgain();
    arrays = copies.map(({ to }) => disks.find(({ devicePath }) => devicePath === pathOfArray(to))?.array);
    return arrays.every((array, i) => array?.health === 'whole' || copies[i]?.comparedLater);
  });
  expect(arrays).toMatchObject(
    copies.map(({ comparedLater = false }) => ({
      ...{ health: comparedLater ? 'rebuilding' : 'whole', dirty: comparedLater, readOnly: false },
    })),
  );
}

type Metadata = ArrayCase['metadata'];
const clean: Record<Metadata, RegExp> = {
  imsm: /Migrate State : idle[\s\S]*Dirty State : clean/,
  ddf: /state\[0\] : Optimal, Consistent/,
  1.2: /State : clean/,
  '0.90': /State : clean/,
};
/** How metadata say that the members may differ. */
const toBeCompared = {
  imsm: /Migrate State : repair/,
  1.2: /State : active/,
};

/** What mdadm says of a member. */
async function examine(file: string): Promise<string> {
  const mdadm = path.join(await findMdadm(), 'mdadm');
  return await withLoop(file, [], async (device) => {
    // A loop device has no serial number to find itself by.
    return await run('env', 'IMSM_DEVNAME_AS_SERIAL=1', 'IMSM_NO_PLATFORM=1', mdadm, '--examine', device);
  });
}

/** A mirror's data stand at the start of each member, or behind its metadata. */
const dataOffsetBytes = (said: string) => Number(/Data Offset : (\d+) sectors/.exec(said)?.[1] ?? 0) * 512;

/** The file in the array, from one member of a mirror alone. Not mounted: mount sees the mark of the array. */
async function readContent(file: string, said: string, content: ArrayCase['content']): Promise<Buffer> {
  const offsetBytes = dataOffsetBytes(said) + (content === 'table' ? mib : 0);
  await run('debugfs', '-R', `dump /file ${file}.file`, `${file}?offset=${offsetBytes}`);
  return await readFile(`${file}.file`);
}

/** Whether all members of a mirror hold the same data. */
async function areAlike({ members, attached, metadata }: ArrayCase): Promise<boolean> {
  const data = members.slice(0, attached).map(async (serial) => {
    const file = await readFile(fileOf(serial));
    // Firmware's metadata are at the end.
    const endBytes = metadata === '1.2' ? file.length : file.length - (metadata === 'ddf' ? 33 : 4) * mib;
    return file.subarray(dataOffsetBytes(await examine(fileOf(serial))), endBytes);
  });
  const [first, ...others] = await Promise.all(data);
  return others.every((other) => first?.equals(other));
}

/** Marked as not stopped, and the second member does not hold what the first one does. */
async function expectUneven(array: ArrayCase): Promise<void> {
  const [first = '', second = ''] = array.members.map(fileOf);
  const contents: boolean[] = [];
  for (const file of [first, second]) {
    const said = await examine(file);
    expect(said, file).not.toMatch(clean[array.metadata]);
    contents.push(bytes.equals(await readContent(file, said, array.content)));
  }
  expect(contents, array.name).toEqual([true, false]);
  expect(await areAlike(array), array.name).toBe(false);
}
