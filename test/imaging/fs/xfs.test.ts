import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { checksumOf } from '../../../imaging/fs/xfs-superblock.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { expectSaneUnderChanges } from '../../fixtures/change-bytes.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';
import { formatXfs, makeVersion4 } from '../../fixtures/xfs-cases.ts';

const MiB = 1024 * 1024;
/** Offsets in bytes of the file system; sectors are of 512 bytes. */
const superblock = {
  blocks: 8,
  realTimeBlocks: 16,
  uuid: 32,
  logStart: 48,
  groupBlocks: 84,
  version: 100,
  inProgress: 126,
  freeBlocks: 144,
  features2: 200,
  roCompat: 212,
  incompat: 216,
  logIncompat: 220,
};
const header = { root: 512 + 16, levels: 512 + 28, freeBlocks: 512 + 52, longest: 512 + 56 };

/** Version 4 has no checksums, blocks of 512 bytes and trees of three levels; version 5 is as mkfs.xfs makes it. */
let version4 = Buffer.alloc(0);
let version5 = Buffer.alloc(0);

beforeAll(async () => {
  await withTempDirectory(async (folder) => {
    await makeVersion4(
      { sizeMiB: 32, make: '-b size=512 -d agcount=1 -L tree -m uuid=01234567-89ab-cdef-0123-456789abcdef' },
      join(folder, '4.img'),
    );
    await formatXfs(join(folder, '5.img'), 20, ['-d', 'agcount=1', '-b', 'size=1024']);
    version4 = await readFile(join(folder, '4.img'));
    version5 = await readFile(join(folder, '5.img'));
  });
});

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

/** What is said of `bytes`, which must be raw and whole. */
async function expectRaw(bytes: Buffer): Promise<string> {
  const map = await readFileSystem(readerOf(bytes));
  expect(map).toMatchObject({ fileSystem: 'xfs', reader: 'raw', used: [{ startBytes: 0, lengthBytes: bytes.length }] });
  return map.notes.join();
}

/** The place of a block of group 0 in bytes. */
const rootOf = (bytes: Buffer) => bytes.readUInt32BE(header.root) * bytes.readUInt32BE(4);
const add = (copy: Buffer, at: number, value: number) => copy.writeUInt32BE(copy.readUInt32BE(at) + value, at);
/** Makes the checksums right again that lie over changed bytes. */
const seal = (copy: Buffer, start: number, length: number, sumAt: number) =>
  copy.writeUInt32LE(checksumOf(copy.subarray(start, start + length), sumAt), start + sumAt);
const sealSuperblock = (copy: Buffer) => seal(copy, 0, 512, 224);

test('an XFS has its name, UUID and label, and fewer used bytes than all', async () => {
  const map = await readFileSystem(readerOf(version4));
  expect(map).toMatchObject({
    fileSystem: 'xfs',
    uuid: '01234567-89ab-cdef-0123-456789abcdef',
    label: 'tree',
    reader: 'xfs',
    notes: [],
  });
  expect(map.used.length).toBeGreaterThan(1000);
});

test('bytes behind the last block count as used', async () => {
  const map = await readFileSystem(readerOf(Buffer.concat([version5, Buffer.alloc(MiB + 512)])));
  expect(map.used.at(-1)).toEqual({ startBytes: version5.length, lengthBytes: MiB + 512 });
});

describe('captured sector by sector, with the reason, is a version 4', () => {
  test.for<[string, (copy: Buffer) => void, RegExp]>([
    ['that is a version 3', (copy) => copy.writeUInt16BE(0x3, superblock.version), /version 3 is unknown/],
    [
      'that is shared',
      (copy) => copy.writeUInt16BE(copy.readUInt16BE(superblock.version) | 0x200, superblock.version),
      /version 0x200/,
    ],
    [
      'with unknown features',
      (copy) => copy.writeUInt32BE(copy.readUInt32BE(superblock.features2) | 0x400, superblock.features2),
      /features2 0x400/,
    ],
    ['with a real-time section', (copy) => copy.writeBigUInt64BE(99n, superblock.realTimeBlocks), /real-time section/],
    ['whose log is elsewhere', (copy) => copy.writeBigUInt64BE(0n, superblock.logStart), /log is on another device/],
    ['whose making was cut short', (copy) => copy.writeUInt8(1, superblock.inProgress), /never made completely/],
    ['with blocks of 2 GiB', (copy) => copy.writeUInt32BE(2 ** 31, 4), /block size is impossible/],
    ['with sectors larger than blocks', (copy) => copy.writeUInt16BE(4096, 102), /sector size is impossible/],
    [
      'larger than its partition',
      (copy) => copy.writeBigUInt64BE(2n ** 40n, superblock.blocks),
      /larger than its partition/,
    ],
    ['with tiny groups', (copy) => copy.writeUInt32BE(3, superblock.groupBlocks), /impossible size/],
    ['with a group too many', (copy) => copy.writeUInt32BE(3, 88), /block counts contradict/],
    ['with a log outside', (copy) => copy.writeUInt32BE(2 ** 31, 96), /log lies outside/],
    [
      'with another count of free blocks',
      (copy) => add(copy, superblock.freeBlocks + 4, 1),
      /free blocks do not add up/,
    ],
    [
      'without the header of its group',
      (copy) => copy.writeUInt32BE(0, 512),
      /header of allocation group 0 is damaged/,
    ],
    ['whose group has another count', (copy) => add(copy, header.freeBlocks, 1), /free blocks in its tree/],
    ['whose group has a longer run', (copy) => add(copy, header.longest, 1), /free blocks in its tree/],
    ['whose tree is higher than all', (copy) => copy.writeUInt32BE(99, header.levels), /header of allocation group 0/],
    [
      'whose tree is lower than said',
      (copy) => add(copy, header.levels, 1),
      /free-space tree of allocation group 0 is damaged/,
    ],
    ['whose root lies outside', (copy) => copy.writeUInt32BE(0x7fffffff, header.root), /free-space tree/],
    ['whose root has a neighbour', (copy) => copy.writeUInt32BE(7, rootOf(copy) + 8), /free-space tree/],
    ['whose root is overfull', (copy) => copy.writeUInt16BE(0xffff, rootOf(copy) + 6), /free-space tree/],
    ['whose root holds a child twice', (copy) => repeatChild(copy), /free-space tree/],
    [
      'whose root holds itself',
      (copy) => copy.writeUInt32BE(copy.readUInt32BE(header.root), firstChildAt(copy)),
      /free-space tree/,
    ],
  ])('%s', async ([, change, reason]) => {
    expect(await expectRaw(changed(version4, change))).toMatch(reason);
  });

  test('that is cut short', async () => {
    expect(await expectRaw(version4.subarray(0, 5 * MiB))).toMatch(/larger than its partition/);
  });
});

/** Pointers of a node of 512 bytes follow room for 41 keys. */
function firstChildAt(copy: Buffer): number {
  return rootOf(copy) + 16 + Math.floor((512 - 16) / 12) * 8;
}

function repeatChild(copy: Buffer): void {
  const at = firstChildAt(copy);
  copy.writeUInt32BE(copy.readUInt32BE(at), at + 4);
}

describe('captured sector by sector, with the reason, is a version 5', () => {
  test.for<[string, (copy: Buffer) => void, RegExp]>([
    [
      'whose superblock was changed',
      (copy) => copy.write('x', superblock.uuid),
      /superblock does not match its checksum/,
    ],
    [
      'with an unknown incompatible feature',
      (copy) => copy.writeUInt32BE(0x103, superblock.incompat),
      /incompat 0x100/,
    ],
    [
      'with an unknown read-only feature',
      (copy) => copy.writeUInt32BE(0x80000001, superblock.roCompat),
      /ro_compat 0x80000000/,
    ],
    ['in need of repair', (copy) => sealSuperblock(withBits(copy, superblock.incompat, 0x10)), /in need of repair/],
    ['with log features', (copy) => sealSuperblock(withBits(copy, superblock.logIncompat, 1)), /only its log knows/],
    [
      'whose group header was changed',
      (copy) => copy.writeUInt32BE(1, 512 + 200),
      /header of allocation group 0 does not match/,
    ],
    ['whose tree was changed', (copy) => add(copy, rootOf(copy) + 56, 1), /free-space tree/],
    ['whose tree is of another group', (copy) => resealRoot(copy, 48), /free-space tree/],
    ['whose tree lies elsewhere', (copy) => resealRoot(copy, 20), /free-space tree/],
    ['whose tree is of another file system', (copy) => resealRoot(copy, 32), /free-space tree/],
  ])('%s', async ([, change, reason]) => {
    expect(await expectRaw(changed(version5, change))).toMatch(reason);
  });
});

function withBits(copy: Buffer, at: number, bits: number): Buffer {
  copy.writeUInt32BE((copy.readUInt32BE(at) | bits) >>> 0, at);
  return copy;
}

function resealRoot(copy: Buffer, at: number): void {
  copy.writeUInt8((copy[rootOf(copy) + at] as number) ^ 1, rootOf(copy) + at);
  seal(copy, rootOf(copy), 1024, 52);
}

describe('a log that does not end with an unmount is not clean:', () => {
  const logOf = (bytes: Buffer) => {
    const [group, block] = [
      Number(bytes.readBigUInt64BE(48) >> BigInt(bytes[124] as number)),
      Number(BigInt.asUintN(bytes[124] as number, bytes.readBigUInt64BE(48))),
    ];
    return (group * bytes.readUInt32BE(84) + block) * bytes.readUInt32BE(4);
  };
  test.for<[string, (copy: Buffer, log: number) => void, RegExp]>([
    ['the last record is no unmount', (copy, log) => copy.writeUInt8(0, log + 512 + 9), /not been replayed/],
    ['it has several operations', (copy, log) => copy.writeUInt32BE(2, log + 40), /not been replayed/],
    ['it ends elsewhere', (copy, log) => copy.writeUInt32BE(1024, log + 12), /not been replayed/],
    ['a later write came through', (copy, log) => copy.writeUInt32BE(1, log + 100 * 512), /not been replayed/],
    ['it is empty', (copy, log) => copy.fill(0, log, log + 4096), /log makes no sense/],
    ['its laps leap', (copy, log) => copy.writeUInt32BE(9, log + 4), /not been replayed|makes no sense/],
  ])('%s', async ([, change, reason]) => {
    expect(await expectRaw(changed(version5, (copy) => change(copy, logOf(copy))))).toMatch(reason);
  });
});

test('no damage to the metadata makes the reader throw, hang or answer with extents outside', async () => {
  const root = rootOf(version4);
  const anywhere = (start: number, length: number) => fc.nat(length - 1).map((offset) => start + offset);
  await expectSaneUnderChanges(version4, [
    anywhere(0, 256),
    anywhere(512, 64),
    anywhere(root, 512),
    anywhere(version4.readUInt32BE(firstChildAt(version4)) * 512, 512),
  ]);
});

test('a pointer that leads outside beside a block that cannot be read makes it raw, and nothing is left to fail unheard', async () => {
  const rootAt = version4.readUInt32BE(header.root) * 512;
  const pointersAt = rootAt + 16 + Math.floor((512 - 16) / 12) * 8;
  expect(version4.readUInt16BE(rootAt + 6)).toBeGreaterThan(1);
  const firstAt = version4.readUInt32BE(pointersAt) * 512;
  const whole = readerOf(changed(version4, (bytes) => bytes.writeUInt32BE(0xfffffff0, pointersAt + 4)));
  const failing = {
    ...whole,
    read: (at: number, length: number) =>
      at === firstAt ? Promise.reject(new Error('a bad sector')) : whole.read(at, length),
  };
  const { reader, notes } = await readFileSystem(failing);
  expect(reader).toBe('raw');
  expect(notes).toEqual([
    'block 4294967280 of the free-space tree of allocation group 0 is damaged: captured sector by sector',
  ]);
});
