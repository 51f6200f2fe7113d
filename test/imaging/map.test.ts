import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { totalBytes } from '../../imaging/extent.ts';
import { mapBytes, mapDisk } from '../../imaging/map.ts';
import { readerOf } from '../fixtures/buffer-reader.ts';
import { makeContents, makeExt } from '../fixtures/ext-cases.ts';
import { run } from '../fixtures/run.ts';
import { diskGuid, linuxType, writeGpt, writeMbrEntry } from '../fixtures/tables.ts';

const MiB = 1024 * 1024;
let folder = '';
let ext: Buffer = Buffer.alloc(0);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'map-'));
  const file = join(folder, 'ext.img');
  await makeExt(
    { name: '', sizeKiB: 8192, make: '-t ext4 -b 1024 -O ^has_journal,^resize_inode -g 2048 -N 1024' },
    file,
    await makeContents(),
  );
  ext = await readFile(file);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** 16 MiB: ext from 2 to 10 MiB, a blank partition from 10 to 12 MiB, nothing behind. */
function gptDisk(sectorBytes = 512): Buffer {
  const disk = Buffer.alloc(16 * MiB);
  const lba = (mebibytes: number) => (mebibytes * MiB) / sectorBytes;
  const entries = [
    { firstLba: lba(2), lastLba: lba(10) - 1, name: 'root' },
    { firstLba: lba(10), lastLba: lba(12) - 1 },
  ];
  writeGpt(disk, entries, sectorBytes);
  ext.copy(disk, 2 * MiB);
  return disk;
}

describe('a disk with a table', () => {
  test.for([512, 4096])(
    'and %i-byte sectors: partitions by their readers, everything else as used',
    async (sectorBytes) => {
      const map = await mapBytes(readerOf(gptDisk(sectorBytes), sectorBytes));
      expect(map).toMatchObject({
        table: 'gpt',
        diskId: diskGuid,
        sizeBytes: 16 * MiB,
        sectorSizeBytes: sectorBytes,
        notes: [],
      });
      const [root, blank] = map.partitions;
      expect(root).toMatchObject({
        number: 1,
        type: linuxType,
        partitionName: 'root',
        fileSystem: 'ext4',
        reader: 'ext',
        startBytes: 2 * MiB,
      });
      expect(blank).toMatchObject({ number: 2, fileSystem: null, reader: 'raw', usedBytes: 2 * MiB });
      expect(totalBytes(map.used)).toBe(8 * MiB + (root?.usedBytes ?? 0));
      expect(totalBytes(map.blank ?? [])).toBeGreaterThan(0);
      expect(map.blank?.[0]?.startBytes).toBeGreaterThan(2 * MiB);
      expect(map.used[0]?.startBytes).toBe(0);
      const last = map.used.at(-1);
      expect((last?.startBytes ?? 0) + (last?.lengthBytes ?? 0)).toBe(16 * MiB);
    },
  );

  test('of two sizes: a GPT for 4096-byte sectors in a file makes it a disk of such sectors', async () => {
    expect((await mapBytes(readerOf(gptDisk(4096)))).sectorSizeBytes).toBe(4096);
  });

  test('and an extended partition: its boot records and gaps count as used', async () => {
    const disk = Buffer.alloc(16 * MiB);
    writeMbrEntry(disk, 0, { type: 5, startLba: 2048, sectors: 14 * 2048 });
    writeMbrEntry(disk, 0, { type: 0x83, startLba: 2048, sectors: 8 * 2048 }, 2048);
    ext.copy(disk, 2 * MiB);
    const map = await mapBytes(readerOf(disk));
    expect(map.partitions).toMatchObject([
      { number: 1, type: '05', usedBytes: 6 * MiB, reader: 'raw' },
      { number: 5, type: '83', fileSystem: 'ext4', reader: 'ext', partitionUuid: '00000000-05' },
    ]);
    expect(totalBytes(map.used)).toBe(8 * MiB + (map.partitions[1]?.usedBytes ?? 0));
  });

  test('whose partitions overlap: what either uses is used, and said', async () => {
    const disk = gptDisk();
    writeGpt(disk, [
      { firstLba: 4096, lastLba: 20479 },
      { firstLba: 12288, lastLba: 24575 },
    ]);
    const map = await mapBytes(readerOf(disk));
    expect(map.notes).toEqual(['partitions 1 and 2 overlap; what either uses is captured']);
    expect(map.used.at(-1)).toEqual({ startBytes: 6 * MiB, lengthBytes: 10 * MiB });
    // What means nothing to one may be the other's.
    expect(map.blank).toEqual([]);
  });

  test('that cannot be believed is captured whole, with the reason', async () => {
    const disk = gptDisk();
    writeGpt(disk, [{ firstLba: 4096, lastLba: 99999 }]);
    const map = await mapBytes(readerOf(disk));
    expect(map).toMatchObject({ table: 'none', used: [{ startBytes: 0, lengthBytes: 16 * MiB }] });
    expect(map.partitions[0]?.notes.join()).toMatch(
      /\(GPT\) cannot be used: partition 1 reaches past the disk's end: the whole disk/,
    );
  });

  test('and a file system beside it is captured whole: nobody can tell which is stale', async () => {
    const disk = Buffer.from(ext);
    writeMbrEntry(disk, 0, { type: 0x83, startLba: 2048, sectors: 2048 });
    const map = await mapBytes(readerOf(disk));
    expect(map).toMatchObject({ table: 'none', used: [{ startBytes: 0, lengthBytes: ext.length }] });
    expect(map.partitions[0]?.notes.join()).toMatch(
      /a partition table \(MBR\) and a file system \(ext4\) are both there/,
    );
  });
});

describe('a disk without a table', () => {
  test('is a bare file system, number 0', async () => {
    const map = await mapBytes(readerOf(ext));
    expect(map).toMatchObject({ table: 'none', diskId: null });
    expect(map.partitions).toMatchObject([
      { number: 0, sizeBytes: ext.length, type: null, fileSystem: 'ext4', reader: 'ext' },
    ]);
    expect(map.partitions[0]?.usedBytes).toBe(totalBytes(map.used));
  });

  test('whose FAT boot sector ends in 55 AA is not taken for an MBR', async () => {
    const file = join(folder, 'fat.img');
    await writeFile(file, Buffer.alloc(8 * MiB));
    await run('mkfs.vfat', file);
    const map = await mapDisk(file);
    expect(map).toMatchObject({ table: 'none', partitions: [{ fileSystem: 'vfat', reader: 'fat', notes: [] }] });
  });

  test('and with nothing on it is used as a whole', async () => {
    expect((await mapBytes(readerOf(Buffer.alloc(MiB)))).used).toEqual([{ startBytes: 0, lengthBytes: MiB }]);
  });

  test('and no multiple of 512 bytes is no disk', async () => {
    await expect(mapBytes(readerOf(Buffer.alloc(1000)))).rejects.toMatchObject({ code: 'invalid-input' });
  });
});

describe('mapping a path', () => {
  test('gives notes to onWarning, with the partition they belong to', async () => {
    const file = join(folder, 'dirty.img');
    const disk = gptDisk();
    disk.writeUInt16LE(0, 2 * MiB + 1024 + 0x3a);
    await writeFile(file, disk);
    const warnings: string[] = [];
    await mapDisk(file, { onWarning: (message) => warnings.push(message) });
    expect(warnings.join()).toMatch(new RegExp(`^${file}, partition 1: .*captured sector by sector$`));
  });

  test('stops when it is told to', async () => {
    const file = join(folder, 'disk.img');
    await writeFile(file, gptDisk());
    await expect(mapDisk(file, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'cancelled' });
  });

  test('refuses a member of an array unless members are allowed', async () => {
    const file = join(folder, 'member.img');
    const disk = Buffer.alloc(MiB);
    disk.writeUInt32LE(0xa92b4efc, 4096);
    await writeFile(file, disk);
    await expect(mapDisk(file)).rejects.toMatchObject({ code: 'source-member' });
    expect((await mapDisk(file, { allowMember: true })).used).toEqual([{ startBytes: 0, lengthBytes: MiB }]);
  });
});
