import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PartitionTable } from '../../../imaging/partition/partition.ts';
import { readTable } from '../../../imaging/partition/read-table.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { diskGuid, linuxType, resealGptHeader, writeGpt, writeMbrEntry } from '../../fixtures/tables.ts';

const MiB = 1024 * 1024;
const sectorSizes = [512, 4096];
let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tables-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function expectTable(disk: Buffer, sectorBytes = 512): Promise<PartitionTable> {
  const found = await readTable(readerOf(disk, sectorBytes));
  if (found.kind !== 'table') throw new Error(`no table: ${JSON.stringify(found)}`);
  return found.table;
}

async function expectUnusable(disk: Buffer): Promise<string> {
  const found = await readTable(readerOf(disk));
  if (found.kind !== 'unusable') throw new Error(`not unusable: ${JSON.stringify(found)}`);
  return found.reason;
}

function gptDisk(sectorBytes = 512): Buffer {
  const disk = Buffer.alloc(16 * MiB);
  const perMiB = MiB / sectorBytes;
  const entries = [
    { firstLba: perMiB, lastLba: 2 * perMiB - 1, name: 'first ☃' },
    { firstLba: 4 * perMiB, lastLba: 8 * perMiB - 1 },
  ];
  writeGpt(disk, entries, sectorBytes);
  return disk;
}

describe('a GPT', () => {
  test.for(sectorSizes)('with %i-byte sectors gives its partitions in bytes', async (sectorBytes) => {
    const table = await expectTable(gptDisk(sectorBytes), sectorBytes);
    expect(table).toMatchObject({ type: 'gpt', diskId: diskGuid, sectorSizeBytes: sectorBytes, notes: [] });
    expect(table.partitions).toMatchObject([
      { number: 1, startBytes: MiB, sizeBytes: MiB, type: linuxType, name: 'first ☃' },
      { number: 2, startBytes: 4 * MiB, sizeBytes: 4 * MiB, uuid: '00000000-0000-0000-0000-000000000002', name: null },
    ]);
  });

  test.for(sectorSizes)('made for %i-byte sectors is found on a disk that says the other size', async (sectorBytes) => {
    const table = await expectTable(gptDisk(sectorBytes), sectorBytes === 512 ? 4096 : 512);
    expect(table.sectorSizeBytes).toBe(sectorBytes);
    expect(table.partitions[0]?.startBytes).toBe(MiB);
  });

  test.for([
    ['a bit of its header', 512 + 60],
    ['a bit of its entries', 1024 + 40],
    ['its signature', 512],
  ] as const)('is read from its backup when %s is wrong', async ([, at]) => {
    const disk = gptDisk();
    disk[at] = (disk[at] ?? 0) ^ 1;
    const table = await expectTable(disk);
    expect(table.partitions).toHaveLength(2);
    expect(table.notes).toEqual(['the primary GPT is damaged; its backup was used']);
  });

  test('without a backup is read, with a note', async () => {
    const disk = gptDisk();
    disk.fill(0, disk.length - 512);
    expect((await expectTable(disk)).notes).toEqual(['no valid backup GPT stands at the end of the disk']);
  });

  test('with both headers damaged is unusable', async () => {
    const disk = gptDisk();
    disk.fill(0, disk.length - 512);
    disk.fill(0xff, 512, 1024);
    expect(await expectUnusable(disk)).toBe('both its headers are damaged');
  });

  test.for([
    ['an entry count of four billion', 80, 0xffffffff],
    ['entries of three bytes', 84, 3],
    ['entries of a gibibyte', 84, 2 ** 30],
    ['entries past the end of the disk', 72, 0xfffffff0],
  ] as const)('with %s and a right checksum falls back to its backup', async ([, at, value]) => {
    const disk = gptDisk();
    disk.writeUInt32LE(value, 512 + at);
    resealGptHeader(disk, 1);
    expect((await expectTable(disk)).notes).toContain('the primary GPT is damaged; its backup was used');
  });

  test('whose partition reaches past the end of the disk is unusable', async () => {
    const disk = Buffer.alloc(4 * MiB);
    writeGpt(disk, [{ firstLba: 2048, lastLba: 8192 }]);
    expect(await expectUnusable(disk)).toBe("partition 1 reaches past the disk's end");
  });

  test('whose partition ends before it starts is unusable', async () => {
    const disk = Buffer.alloc(4 * MiB);
    writeGpt(disk, [{ firstLba: 2048, lastLba: 2046 }]);
    expect(await expectUnusable(disk)).toBe('partition 1 ends before it starts');
  });

  test('of 1,024 partitions is read, and one of more is unusable', async () => {
    const disk = Buffer.alloc(4 * MiB);
    const entries = Array.from({ length: 1025 }, (_, i) => ({ firstLba: 2048 + i, lastLba: 2048 + i }));
    writeGpt(disk, entries.slice(0, 1024));
    expect((await expectTable(disk)).partitions).toHaveLength(1024);
    writeGpt(disk, entries);
    expect(await expectUnusable(disk)).toBe('it lists more than 1024 partitions');
  });

  test('wins over a hybrid MBR, and says so', async () => {
    const disk = gptDisk();
    writeMbrEntry(disk, 1, { type: 0x83, startLba: 2048, sectors: 2048 });
    const table = await expectTable(disk);
    expect(table.type).toBe('gpt');
    expect(table.notes).toEqual(['a hybrid MBR lists partitions too; the GPT was used']);
  });

  test('without its protective MBR is no table', async () => {
    const disk = gptDisk();
    disk.fill(0, 0, 512);
    expect((await readTable(readerOf(disk))).kind).toBe('none');
  });

  test('as sgdisk writes it is read as sgdisk prints it', async () => {
    const file = join(folder, 'sgdisk.img');
    await writeFile(file, '');
    await truncate(file, 64 * MiB);
    execFileSync('sgdisk', [
      '-n',
      '1:2048:+8M',
      '-t',
      '1:ef00',
      '-c',
      '1:EFI System',
      '-n',
      '5:40960:0',
      '-t',
      '5:8300',
      file,
    ]);
    const table = await expectTable(await readFile(file));
    expect(table.notes).toEqual([]);
    expect(table.partitions).toMatchObject([
      {
        number: 1,
        startBytes: MiB,
        sizeBytes: 8 * MiB,
        type: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
        name: 'EFI System',
      },
      { number: 5, startBytes: 20 * MiB, type: linuxType },
    ]);
    const info = execFileSync('sgdisk', ['-i', '5', file]).toString();
    expect(info.toLowerCase()).toContain(`partition unique guid: ${table.partitions[1]?.uuid}`);
  });
});

describe('an MBR', () => {
  test('as sfdisk writes it, logical partitions included, is read as sfdisk prints it', async () => {
    const file = join(folder, 'sfdisk.img');
    await writeFile(file, '');
    await truncate(file, 64 * MiB);
    const lines = ['x1: size=8MiB, type=83, bootable', 'x2: size=40MiB, type=5', 'x3: size=4MiB, type=82'];
    const logical = ['x5: size=8MiB, type=83', 'x6: size=4MiB, type=7', 'x7: size=6MiB, type=83'];
    const script = ['label: dos', 'label-id: 0xCAFE0042', ...lines, ...logical].join('\n');
    execFileSync('sfdisk', ['-q', file], { input: script });
    const printed = JSON.parse(execFileSync('sfdisk', ['-J', file]).toString()) as {
      partitiontable: { partitions: { start: number; size: number; type: string }[] };
    };
    const table = await expectTable(await readFile(file));
    expect(table.diskId).toBe('cafe0042');
    const byNumber = [...table.partitions].sort((a, b) => a.number - b.number);
    expect(byNumber.map((part) => [part.startBytes, part.sizeBytes, Number.parseInt(part.type, 16)])).toEqual(
      printed.partitiontable.partitions.map((part) => [
        part.start * 512,
        part.size * 512,
        Number.parseInt(part.type, 16),
      ]),
    );
    expect(byNumber.map(({ number }) => number)).toEqual([1, 2, 3, 5, 6, 7]);
    expect(byNumber.filter(({ container }) => container)).toMatchObject([{ number: 2, type: '05' }]);
    expect(byNumber[3]?.uuid).toBe('cafe0042-05');
  });

  test('with 4096-byte sectors counts in them, also along the chain', async () => {
    const disk = Buffer.alloc(16 * MiB);
    writeMbrEntry(disk, 0, { type: 0x83, startLba: 256, sectors: 256 }, 0, 4096);
    writeMbrEntry(disk, 1, { type: 0x0f, startLba: 512, sectors: 2048 }, 0, 4096);
    writeMbrEntry(disk, 0, { type: 0x82, startLba: 16, sectors: 100 }, 512, 4096);
    writeMbrEntry(disk, 1, { type: 5, startLba: 1024, sectors: 512 }, 512, 4096);
    writeMbrEntry(disk, 0, { type: 0x07, startLba: 16, sectors: 200 }, 1536, 4096);
    const table = await expectTable(disk, 4096);
    expect(
      table.partitions.map(({ number, startBytes, sizeBytes }) => [number, startBytes / 4096, sizeBytes / 4096]),
    ).toEqual([
      [1, 256, 256],
      [2, 512, 2048],
      [5, 528, 100],
      [6, 1552, 200],
    ]);
    expect(table.ownExtents.map(({ startBytes }) => startBytes / 4096)).toEqual([0, 512, 1536]);
  });

  test('whose chain of extended boot records runs in a circle is unusable', async () => {
    const disk = Buffer.alloc(8 * MiB);
    writeMbrEntry(disk, 0, { type: 5, startLba: 2048, sectors: 8192 });
    writeMbrEntry(disk, 0, { type: 0x83, startLba: 64, sectors: 64 }, 2048);
    writeMbrEntry(disk, 1, { type: 5, startLba: 1024, sectors: 1024 }, 2048);
    writeMbrEntry(disk, 0, { type: 0x83, startLba: 64, sectors: 64 }, 3072);
    writeMbrEntry(disk, 1, { type: 5, startLba: 0, sectors: 1024 }, 3072);
    disk.writeUInt32LE(1024, 3072 * 512 + 446 + 16 + 8);
    expect(await expectUnusable(disk)).toMatch(/comes back to sector 3072/);
  });

  test('whose chain leaves the disk is unusable', async () => {
    const disk = Buffer.alloc(8 * MiB);
    writeMbrEntry(disk, 0, { type: 5, startLba: 2048, sectors: 8192 });
    writeMbrEntry(disk, 1, { type: 5, startLba: 0xfffffff0, sectors: 1024 }, 2048);
    expect(await expectUnusable(disk)).toMatch(/past the disk's end/);
  });

  test('whose chain breaks off at a damaged record is unusable', async () => {
    const disk = Buffer.alloc(8 * MiB);
    writeMbrEntry(disk, 0, { type: 5, startLba: 2048, sectors: 8192 });
    writeMbrEntry(disk, 1, { type: 5, startLba: 1024, sectors: 1024 }, 2048);
    expect(await expectUnusable(disk)).toMatch(/sector 3072 is damaged/);
  });

  test('with a partition past the end of the disk is unusable', async () => {
    const disk = Buffer.alloc(MiB);
    writeMbrEntry(disk, 2, { type: 0x83, startLba: 1, sectors: 4096 });
    expect(await expectUnusable(disk)).toBe("partition 3 reaches past the disk's end");
  });

  test('with an impossible boot flag is a boot sector, no table', async () => {
    const disk = Buffer.alloc(MiB);
    writeMbrEntry(disk, 0, { type: 0x83, startLba: 1, sectors: 4 });
    disk[446] = 0x41;
    expect((await readTable(readerOf(disk))).kind).toBe('none');
  });
});

test('no damage to a table makes reading it throw, hang or leave the disk', async () => {
  const gpt = Buffer.alloc(2 * MiB);
  writeGpt(gpt, [{ firstLba: 64, lastLba: 1000 }]);
  const mbr = Buffer.alloc(2 * MiB);
  writeMbrEntry(mbr, 0, { type: 0x83, startLba: 63, sectors: 900 });
  writeMbrEntry(mbr, 1, { type: 5, startLba: 1024, sectors: 3072 });
  writeMbrEntry(mbr, 0, { type: 0x83, startLba: 64, sectors: 64 }, 1024);
  writeMbrEntry(mbr, 1, { type: 5, startLba: 1024, sectors: 1024 }, 1024);
  writeMbrEntry(mbr, 0, { type: 0x83, startLba: 64, sectors: 64 }, 2048);
  const places = fc.constantFrom(0, 1, 2, 1024, 2048).map((sector) => sector * 512);
  const changes = fc.array(fc.tuple(places, fc.nat(511), fc.nat(255)), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(gpt, mbr), changes, fc.boolean(), async (disk, bytes, reseal) => {
      const damaged = Buffer.from(disk);
      for (const [sector, at, value] of bytes) damaged[sector + at] = value;
      if (reseal) resealGptHeader(damaged, 1);
      const found = await readTable(readerOf(damaged));
      if (found.kind !== 'table') return;
      for (const { startBytes, sizeBytes } of found.table.partitions) {
        expect(sizeBytes).toBeGreaterThan(0);
        expect(startBytes + sizeBytes).toBeLessThanOrEqual(disk.length);
      }
    }),
    { numRuns: 500 },
  );
});
