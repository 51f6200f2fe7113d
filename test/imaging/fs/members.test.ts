import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { windowOf } from '../../../imaging/blockdev/byte-reader.ts';
import { findMembership } from '../../../imaging/blockdev/member-signature.ts';
import { openReader } from '../../../imaging/blockdev/open-reader.ts';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { mapBytes, mapDisk } from '../../../imaging/map.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { run } from '../../fixtures/run.ts';
import { diskGuid, writeGpt, writeMbrEntry } from '../../fixtures/tables.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const MiB = 2 ** 20;
const sizeBytes = 4 * MiB + 512 * 7;
const last = (back: number) => sizeBytes - back * 512;

/** A version 1 superblock of md at its place. */
function writeMd1(bytes: Buffer, at: number): void {
  bytes.writeUInt32LE(0xa92b4efc, at);
  bytes.writeUInt32LE(1, at + 4);
  bytes.fill(0x5a, at + 16, at + 32);
  bytes.writeBigUInt64LE(BigInt(at / 512), at + 144);
}

function writeMd90(bytes: Buffer, at: number): void {
  bytes.writeUInt32LE(0xa92b4efc, at);
  bytes.writeUInt32LE(90, at + 8);
}

function sumWords(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16LE(at);
  return sum & 0xffff;
}

type Mark = [name: string, blkidName: string, words: RegExp, write: (bytes: Buffer) => void];

const marks: readonly Mark[] = [
  [
    'md 0.90',
    'linux_raid_member',
    /md array \(metadata 0.90\)/,
    (b) => writeMd90(b, Math.floor(b.length / 65536) * 65536 - 65536),
  ],
  ['md 1.0', 'linux_raid_member', /metadata 1.0/, (b) => writeMd1(b, Math.floor((b.length / 512 - 16) / 8) * 8 * 512)],
  ['md 1.1', 'linux_raid_member', /metadata 1.1/, (b) => writeMd1(b, 0)],
  ['md 1.2', 'linux_raid_member', /metadata 1.2/, (b) => writeMd1(b, 4096)],
  ['IMSM', 'isw_raid_member', /Intel, IMSM/, (b) => b.write('Intel Raid ISM Cfg Sig. 1.1.00', last(2))],
  ['DDF', 'ddf_raid_member', /DDF/, (b) => b.writeUInt32BE(0xde11de11, last(1))],
  ['DDF before its workspace', 'ddf_raid_member', /DDF/, (b) => b.writeUInt32BE(0xde11de11, last(257))],
  ['LSI', 'lsi_mega_raid_member', /LSI/, (b) => b.write('$XIDE$', last(1))],
  [
    'Silicon Image',
    'silicon_medley_raid_member',
    /Silicon/,
    (b) => {
      b.writeUInt32LE(0x2f000000, last(1) + 0x60);
      b.writeUInt16LE(-sumWords(b.subarray(last(1), last(1) + 0x13e)) & 0xffff, last(1) + 0x13e);
    },
  ],
  [
    'VIA',
    'via_raid_member',
    /VIA/,
    (b) => {
      b.writeUInt16LE(0xaa55, last(1));
      b.writeUInt8(1, last(1) + 2);
      b.writeUInt8((0xaa + 0x55 + 1) & 0xff, last(1) + 50);
    },
  ],
  [
    'Adaptec',
    'adaptec_raid_member',
    /Adaptec/,
    (b) => {
      b.writeUInt32BE(0x37fc4d1e, last(1));
      b.write('DPTM', last(1) + 256);
    },
  ],
  [
    'JMicron',
    'jmicron_raid_member',
    /JMicron/,
    (b) => {
      b.write('JM', last(1));
      b.writeUInt16LE(-sumWords(b.subarray(last(1), last(1) + 128)) & 0xffff, last(1) + 4);
    },
  ],
  ['NVIDIA', 'nvidia_raid_member', /NVIDIA/, (b) => b.write('NVIDIA  ', last(2))],
  ['HighPoint 45x', 'hpt45x_raid_member', /HighPoint 45x/, (b) => b.writeUInt32LE(0x5a7816f3, last(11))],
  ['HighPoint 37x', 'hpt37x_raid_member', /HighPoint 37x/, (b) => b.writeUInt32LE(0x5a7816f0, 4640)],
  ['Promise', 'promise_fasttrack_raid_member', /Promise/, (b) => b.write('Promise Technology, Inc.', last(399))],
];

function makeMember(write: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  write(bytes);
  return bytes;
}

describe('a member of an array', () => {
  test.for(marks)('(%s) as a whole disk is named as blkid names it, and refused', async ([, name, words, write]) => {
    await withTempDirectory(async (folder) => {
      const file = join(folder, 'member.img');
      await using handle = await open(file, 'w');
      await handle.write(makeMember(write));
      expect((await run('blkid', '-p', '-s', 'TYPE', '-o', 'value', file)).trim()).toBe(name);
      await expect(mapDisk(file)).rejects.toMatchObject({
        code: 'source-member',
        message: expect.stringMatching(words),
      });
      const map = await mapDisk(file, { allowMember: true });
      expect(map.partitions).toMatchObject([{ fileSystem: name, reader: 'raw', usedBytes: sizeBytes }]);
    });
  });

  test.for(marks)(
    '(%s) as a partition is captured whole, though a file system shows',
    async ([, name, words, write]) => {
      const swap = makeMember((bytes) => {
        bytes.write('SWAPSPACE2', 4086);
        bytes.writeUInt32LE(1, 1024);
        bytes.writeUInt32LE(500, 1028);
      });
      expect(await readFileSystem(readerOf(swap))).toMatchObject({ reader: 'swap' });
      write(swap);
      const disk = Buffer.alloc(8 * MiB);
      writeGpt(disk, [{ firstLba: 2048, lastLba: 2047 + sizeBytes / 512 }]);
      swap.copy(disk, MiB);
      const map = await mapBytes(readerOf(disk));
      expect(map.diskId).toBe(diskGuid);
      expect(map.partitions).toMatchObject([{ fileSystem: name, reader: 'raw', usedBytes: sizeBytes }]);
      expect(map.partitions[0]?.notes.join()).toMatch(words);
    },
  );

  test('whose table describes the array is not taken apart by that table', async () => {
    const disk = Buffer.alloc(8 * MiB);
    writeGpt(disk, [{ firstLba: 2048, lastLba: 4095 }]);
    disk.write('Intel Raid ISM Cfg Sig. 1.1.00', disk.length - 1024);
    expect(await mapBytes(readerOf(disk))).toMatchObject({
      table: 'none',
      partitions: [{ number: 0, fileSystem: 'isw_raid_member', usedBytes: 8 * MiB }],
    });
  });

  test('with sectors of 4096 bytes has its mark counted back in those', async () => {
    const disk = Buffer.alloc(8 * MiB);
    disk.write('Intel Raid ISM Cfg Sig. 1.1.00', disk.length - 8192);
    expect(await findMembership(readerOf(disk, 4096))).toMatch(/IMSM/);
    expect(await findMembership(readerOf(disk))).toBeNull();
  });
});

test('a disk whose last partition is a member of an md 0.90 array is none itself', async () => {
  const disk = Buffer.alloc(8 * MiB);
  writeMbrEntry(disk, 0, { type: 0xfd, startLba: 2048, sectors: 7 * 2048 });
  writeMd90(disk, disk.length - 65536);
  expect(await findMembership(readerOf(disk))).toBeNull();
  expect(await findMembership(windowOf(readerOf(disk), MiB, 7 * MiB))).toMatch(/0\.90/);
  expect((await mapBytes(readerOf(disk))).partitions).toMatchObject([{ number: 1, fileSystem: 'linux_raid_member' }]);
});

describe('captured whole, named as blkid names it, with its UUID and label, is', () => {
  test.for([
    ['jfs', 'mkfs.jfs -q -L tree'],
    ['reiserfs', 'mkreiserfs -q -f -l tree'],
    ['reiser4', 'mkfs.reiser4 -y -f'],
    ['nilfs2', 'mkfs.nilfs2 -q -L tree'],
    ['crypto_LUKS', 'cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 --key-file /proc/version'],
    ['crypto_LUKS', 'cryptsetup -q luksFormat --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /proc/version'],
  ] as const)('%s by %s', async ([name, make]) => {
    await withTempDirectory(async (folder) => {
      const file = join(folder, 'made.img');
      await run('truncate', '-s', '160M', file);
      await run('bash', '-c', `${make} ${file} < /dev/null`);
      const told = await run('blkid', '-p', '-o', 'export', file);
      const field = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(told)?.[1] ?? null;
      const reader = await openReader(file);
      const map = await readFileSystem(reader);
      await reader.close();
      expect(map).toMatchObject({
        fileSystem: name,
        reader: 'raw',
        notes: [],
        uuid: field('UUID'),
        label: field('LABEL'),
      });
      expect(field('TYPE')).toBe(name);
      await rm(file);
    });
  });

  test.for<[name: string, known: boolean, write: (bytes: Buffer) => void]>([
    ['BitLocker', false, (b) => b.write('\xeb\x58\x90-FVE-FS-', 0, 'latin1')],
    ['BitLocker', false, (b) => b.write('3bd66749292ed84a8399f6a339e3d001', 424, 'hex')],
    ['ReFS', true, (b) => b.write('\0\0\0ReFS\0', 0, 'latin1')],
    ['apfs', false, (b) => b.write('NXSB', 32)],
    ['hfsplus', false, (b) => b.write('482b0004', 1024, 'hex')],
    ['hfsplus', false, (b) => b.write('48580005', 1024, 'hex')],
    [
      'hfs',
      false,
      (b) => {
        b.write('BD', 1024);
        b.writeUInt32BE(4096, 1044);
      },
    ],
    ['ufs', true, (b) => b.writeUInt32LE(0x00011954, 8192 + 1372)],
    ['ufs', true, (b) => b.writeUInt32BE(0x19540119, 65536 + 1372)],
    ['ufs', true, (b) => b.writeUInt32LE(0x19540119, 262144 + 1372)],
    ['zfs_member', false, (b) => b.writeUInt32LE(0x00bab10c, 132 * 1024)],
    ['VMFS', true, (b) => b.writeUInt32BE(0x5ef1ab2f, 2 * MiB)],
    ['VMFS_volume_member', true, (b) => b.writeUInt32BE(0x0dd001c0, MiB)],
  ])('what carries the mark of %s (blkid needs no more: %s)', async ([name, known, write]) => {
    const bytes = Buffer.alloc(4 * MiB);
    write(bytes);
    const map = await readFileSystem(readerOf(bytes));
    expect(map).toMatchObject({ fileSystem: name, reader: 'raw', used: [{ lengthBytes: 4 * MiB }] });
    if (!known) return;
    await withTempDirectory(async (folder) => {
      const file = join(folder, 'mark.img');
      await using handle = await open(file, 'w');
      await handle.write(bytes);
      expect((await run('blkid', '-p', '-s', 'TYPE', '-o', 'value', file)).trim()).toBe(name);
    });
  });

  test('no ext whose counts look like two letters of a mark', async () => {
    const bytes = Buffer.alloc(4 * MiB);
    bytes.writeUInt32LE(0x2b48, 1024);
    bytes.write('44', 1030);
    expect(await readFileSystem(readerOf(bytes))).toMatchObject({ fileSystem: null });
  });
});
