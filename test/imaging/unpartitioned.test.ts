// What a capture takes of the space in no partition: where something is known to live; all of it where the table may not tell everything.
import { open, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { totalBytes } from '../../imaging/extent.ts';
import { mapBytes } from '../../imaging/map.ts';
import { sparseReader } from '../fixtures/buffer-reader.ts';
import { run } from '../fixtures/run.ts';
import { type GptEntry, writeGpt, writeMbrEntry } from '../fixtures/tables.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const [MiB, GiB, TiB] = [2 ** 20, 2 ** 30, 2 ** 40];
const mib = (startMiB: number, lengthMiB: number) => ({ startBytes: startMiB * MiB, lengthBytes: lengthMiB * MiB });
const lbas = (fromMiB: number, toMiB: number) => ({ firstLba: fromMiB * 2048, lastLba: toMiB * 2048 - 1 });

/** A GPT without its backup, which a disk of this size has elsewhere than a small one. */
function gptDisk(sizeBytes: number, entries: readonly GptEntry[], change = (_head: Buffer) => {}) {
  const head = Buffer.alloc(MiB);
  writeGpt(head, entries);
  head.fill(0, head.length - 33 * 512);
  change(head);
  return sparseReader(sizeBytes, new Map([[0, head]]));
}

function mbrDisk(sizeBytes: number, change: (head: Buffer) => void) {
  const head = Buffer.alloc(MiB);
  change(head);
  return sparseReader(sizeBytes, new Map([[0, head]]));
}

const notCaptured = (bytes: number) =>
  `${bytes} bytes outside of its partitions are not captured; they are with --unpartitioned`;

describe('of the space in no partition', () => {
  test('an empty disk of 4 TiB is captured by its two ends, and little is read to know it', async () => {
    const disk = gptDisk(4 * TiB, []);
    const map = await mapBytes(disk);
    expect(map.used).toEqual([mib(0, 64), mib(4 * 2 ** 20 - 16, 16)]);
    expect(map.notes).toContain(notCaptured(4 * TiB - 80 * MiB));
    expect(disk.asked.bytes).toBeLessThan(2 * MiB);
  });

  test('all that lies in front of the first partition is kept, and the ends of every other long gap', async () => {
    const disk = gptDisk(8 * GiB, [lbas(700, 800), lbas(1000, 1100), lbas(1164, 1200)]);
    const map = await mapBytes(disk);
    // The third partition lies behind a gap that is short enough to be kept whole.
    expect(map.used).toEqual([mib(0, 801), mib(999, 202), mib(8176, 16)]);
    expect(map.notes).toContain(notCaptured(8 * GiB - (801 + 202 + 16) * MiB));
  });

  test('a gap in front of the first partition that no boot loader needs is kept by its ends', async () => {
    const map = await mapBytes(gptDisk(8 * GiB, [lbas(1025, 8192)]));
    expect(map.used).toEqual([mib(0, 64), mib(1024, 7168)]);
  });

  test('one sector decides whether a gap is long', async () => {
    const [whole, cut] = [lbas(1, 64), { ...lbas(1, 64), lastLba: 64 * 2048 - 2 }];
    expect((await mapBytes(gptDisk(128 * MiB, [whole]))).used).toEqual([mib(0, 128)]);
    const map = await mapBytes(gptDisk(128 * MiB, [cut]));
    expect(map.notes).toContain(notCaptured(47 * MiB + 512));
  });

  test('an extended boot record is kept with its track, wherever it lies, and counts for its container', async () => {
    const records = new Map<number, Buffer>();
    const record = (atMiB: number, write: (bytes: Buffer) => void) => {
      const bytes = Buffer.alloc(512);
      write(bytes);
      records.set(atMiB * MiB, bytes);
    };
    record(0, (bytes) => writeMbrEntry(bytes, 0, { type: 5, startLba: 300 * 2048, sectors: 700 * 2048 }));
    record(300, (bytes) => writeMbrEntry(bytes, 0, { type: 0x83, startLba: 300 * 2048, sectors: 100 * 2048 }));
    const map = await mapBytes(sparseReader(GiB, records));
    // The gap in front of the first logical partition, with the container's start in it, is short of a GiB.
    expect(map.used).toEqual([mib(0, 701), mib(1008, 16)]);
    expect(map.partitions[0]).toMatchObject({ number: 1, usedBytes: 301 * MiB });
    record(0, (bytes) => {
      writeMbrEntry(bytes, 0, { type: 5, startLba: 300 * 2048, sectors: 700 * 2048 });
      writeMbrEntry(bytes, 1, { type: 0x83, startLba: 2048, sectors: 2048 });
    });
    const further = await mapBytes(sparseReader(GiB, records));
    expect(further.used).toEqual([mib(0, 3), mib(300, 1), mib(599, 102), mib(1008, 16)]);
    expect(further.partitions[0]).toMatchObject({ number: 1, usedBytes: 3 * MiB });
  });

  test.each([
    ['mke2fs', '-q', '-F', '-t', 'ext4', '-O', '64bit'],
    ['mkfs.xfs', '-q'],
    ['mkfs.ntfs', '-q', '-F', '-Q'],
    ['mkfs.exfat'],
    ['mkfs.vfat', '-F', '16'],
    ['mkfs.vfat', '-F', '32'],
    ['mkfs.btrfs', '-q'],
    ['mkfs.f2fs', '-q'],
  ])('what %s has made behind the end of its partition is kept, whatever state it is in', async (program, ...flags) => {
    await withTempDirectory(async (folder) => {
      const file = path.join(folder, 'fs.img');
      await writeFile(file, '');
      await truncate(file, 512 * MiB);
      await run(program, ...flags, file);
      await using handle = await open(file);
      const { buffer } = await handle.read(Buffer.alloc(MiB), 0, MiB, 0);
      const head = Buffer.alloc(2 * MiB);
      writeGpt(head, [lbas(1, 100)]);
      head.fill(0, head.length - 33 * 512);
      buffer.copy(head, MiB);
      const map = await mapBytes(sparseReader(GiB, new Map([[0, head]])));
      const [whole] = map.used;
      // Up to a cluster of its end: FAT leaves out what makes no whole track.
      expect(whole?.startBytes).toBe(0);
      expect(whole?.lengthBytes).toBeGreaterThan(513 * MiB - 65536);
      expect(whole?.lengthBytes).toBeLessThanOrEqual(513 * MiB);
      expect(map.used).toHaveLength(2);
    });
  });

  test('what claims sectors of 333 bytes, or no end, is believed up to the disk’s end, in whole sectors', async () => {
    const head = Buffer.alloc(2 * MiB);
    writeGpt(head, [lbas(1, 100)]);
    head.fill(0, head.length - 33 * 512);
    const usedWith = async (change: (partition: Buffer) => void) => {
      const bytes = Buffer.from(head);
      change(bytes.subarray(MiB));
      return (await mapBytes(sparseReader(GiB, new Map([[0, bytes]])))).used;
    };
    const odd = await usedWith((partition) => {
      partition.write('FAT16', 0x36, 'latin1');
      partition.writeUInt16LE(333, 0x0b);
      partition.writeUInt32LE(1_000_001, 0x20);
    });
    expect(odd[0]).toEqual({ startBytes: 0, lengthBytes: MiB + Math.ceil((333 * 1_000_001) / 512) * 512 });
    const endless = await usedWith((partition) => {
      partition.write('EXFAT   ', 3, 'latin1');
      partition.fill(0xff, 72, 80);
      partition[108] = 255;
    });
    expect(endless).toEqual([mib(0, 1024)]);
  });

  test('--unpartitioned takes all, and there is nothing to say', async () => {
    const map = await mapBytes(gptDisk(8 * GiB, [lbas(1, 100)]), { unpartitioned: true });
    expect(totalBytes(map.used)).toBe(8 * GiB);
    expect(map.notes?.join()).not.toContain('outside');
  });
});

describe('everything outside of partitions is kept, with the reason, where', () => {
  test.each([
    [
      'a file system lies under a GPT (an ISO written to a stick)',
      () => gptDisk(GiB, [lbas(1, 100)], (head) => head.write('CD001', 32769, 'latin1')),
      /a file system \(iso9660\) starts where the disk starts: all/,
    ],
    [
      'the MBR beside a GPT lists partitions of its own',
      () => gptDisk(GiB, [lbas(1, 100)], (head) => writeMbrEntry(head, 1, { type: 7, startLba: 999_424, sectors: 8 })),
      /its hybrid MBR lists partitions too: all/,
    ],
    [
      'a GPT is there whose MBR does not tell of it',
      () => gptDisk(GiB, [lbas(1, 100)], (head) => writeMbrEntry(head, 0, { type: 7, startLba: 2048, sectors: 2048 })),
      /a GPT is there too, which its MBR does not tell of: all/,
    ],
    [
      'it is a dynamic disk',
      () => mbrDisk(GiB, (head) => writeMbrEntry(head, 0, { type: 0x42, startLba: 63, sectors: 1985 })),
      /it is a dynamic disk of Windows: all/,
    ],
  ])('%s', async (_, makeDisk, reason) => {
    const map = await mapBytes(makeDisk());
    expect(totalBytes(map.used)).toBe(GiB);
    expect(map.notes?.join('; ')).toMatch(reason);
    expect(map.table).not.toBe('none');
  });
});
