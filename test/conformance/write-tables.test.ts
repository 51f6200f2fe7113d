// Tables that are written anew, held against the tools that administrators use: sgdisk, sfdisk.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteReader } from '../../imaging/blockdev/byte-reader.ts';
import type { PartitionTable } from '../../imaging/partition/partition.ts';
import { readTable } from '../../imaging/partition/read-table.ts';
import type { Patch, TableChange } from '../../imaging/partition/table-change.ts';
import { rewriteGpt } from '../../imaging/partition/write-gpt.ts';
import { rewriteMbr } from '../../imaging/partition/write-mbr.ts';
import { readerOf } from '../fixtures/buffer-reader.ts';
import { makeRawDisk } from '../fixtures/disks.ts';
import { withLoop } from '../fixtures/mounts.ts';
import { writeGpt, writeMbrEntry } from '../fixtures/tables.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;

function applied(patches: readonly Patch[], sizeBytes: number): Buffer {
  const disk = Buffer.alloc(sizeBytes);
  for (const { offsetBytes, bytes } of patches) bytes.copy(disk, offsetBytes);
  return disk;
}

async function tableOf(disk: ByteReader): Promise<PartitionTable> {
  const found = await readTable(disk);
  if (found.kind !== 'table') throw new Error(`no table: ${JSON.stringify(found)}`);
  return found.table;
}

async function writeOnto(file: string, patches: readonly Patch[]): Promise<void> {
  const handle = await fs.open(file, 'r+');
  for (const { offsetBytes, bytes } of patches) await handle.write(bytes, 0, bytes.length, offsetBytes);
  await handle.close();
}

const sgdiskFaults = (text: string) => !/No problems found/.test(text);

describe('a GPT', () => {
  test.for([
    [512, 512],
    [4096, 4096],
    [512, 4096],
    [4096, 512],
  ] as const)('from sectors of %i to sectors of %i bytes on a larger disk satisfies sgdisk', async ([from, to]) => {
    await withTempDirectory(async (directory) => {
      const source = await makeRawDisk(path.join(directory, 'source'), 64 * mib);
      const target = await makeRawDisk(path.join(directory, 'target'), 100 * mib);
      await withLoop(source, ['--sector-size', String(from)], async (device) => {
        const perMiB = mib / from;
        execFileSync('sgdisk', ['-n', `1:${perMiB}:${9 * perMiB - 1}`, '-t', '1:ef00', '-c', '1:EFI ☃', device]);
        execFileSync('sgdisk', ['-n', `7:${10 * perMiB}:${60 * perMiB - 1}`, '-A', '7:set:2', device]);
      });
      const old = readerOf(await fs.readFile(source), from);
      const before = await tableOf(old);
      const places = new Map([[7, { startBytes: 10 * mib, sizeBytes: 89 * mib }]]);
      await writeOnto(target, await rewriteGpt(old, { sizeBytes: 100 * mib, sectorSizeBytes: to, places }));
      const after = await tableOf(readerOf(await fs.readFile(target), to));
      expect(after).toMatchObject({ diskId: before.diskId, sectorSizeBytes: to, notes: [] });
      expect(after.partitions).toEqual(
        before.partitions.map((part) => ({ ...part, sizeBytes: part.number === 7 ? 89 * mib : part.sizeBytes })),
      );
      await withLoop(target, ['--sector-size', String(to)], async (device) => {
        const verdict = execFileSync('sgdisk', ['-v', device], { encoding: 'utf8' });
        expect(sgdiskFaults(verdict), verdict).toBe(false);
        const attributes = execFileSync('sgdisk', ['-A', '7:show', device], { encoding: 'utf8' });
        expect(attributes).toContain('7:2:1');
        const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', device], { encoding: 'utf8' }));
        expect(partitiontable).toMatchObject({ lastlba: (100 * mib) / to - 2 - (16 * 1024) / to });
      });
    });
  });

  test('whatever its partitions and the new size are says the same again, with both copies whole', async () => {
    const mibs = fc.uniqueArray(fc.integer({ min: 1, max: 14 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(mibs, fc.integer({ min: 16, max: 40 }), fc.constantFrom(512, 4096), async (at, size, sector) => {
        const source = Buffer.alloc(16 * mib);
        const perMiB = mib / 512;
        writeGpt(
          source,
          at.map((mark) => ({ firstLba: mark * perMiB, lastLba: (mark + 1) * perMiB - 1 })),
        );
        const change = { sizeBytes: size * mib, sectorSizeBytes: sector, places: new Map() };
        const disk = applied(await rewriteGpt(readerOf(source), change), size * mib);
        const before = await tableOf(readerOf(source));
        expect(await tableOf(readerOf(disk, sector))).toMatchObject({ partitions: before.partitions, notes: [] });
        disk.fill(0, sector, 2 * sector);
        const fromBackup = await tableOf(readerOf(disk, sector));
        expect(fromBackup.partitions).toEqual(before.partitions);
      }),
      { numRuns: 60 },
    );
  });

  test('with a place where the backup has to be, or between two sectors, is target-sector-size', async () => {
    const source = Buffer.alloc(16 * mib);
    writeGpt(source, [{ firstLba: 2048, lastLba: 4095 }]);
    const rewrite = (change: Partial<TableChange>) =>
      rewriteGpt(readerOf(source), { sizeBytes: 8 * mib, sectorSizeBytes: 512, places: new Map(), ...change });
    const toTheEnd = new Map([[1, { startBytes: mib, sizeBytes: 7 * mib }]]);
    await expect(rewrite({ places: toTheEnd })).rejects.toMatchObject({ code: 'target-sector-size' });
    const odd = new Map([[1, { startBytes: mib + 512, sizeBytes: mib }]]);
    await expect(rewrite({ places: odd, sectorSizeBytes: 4096 })).rejects.toMatchObject({ code: 'target-sector-size' });
  });
});

describe('an MBR', () => {
  test.for([512, 4096])(
    'with logical partitions, one grown and others moved, in sectors of %i is as sfdisk reads it',
    async (to) => {
      await withTempDirectory(async (directory) => {
        const source = await makeRawDisk(path.join(directory, 'source'), 64 * mib);
        const target = await makeRawDisk(path.join(directory, 'target'), 100 * mib);
        const lines = ['x1: start=2048, size=8MiB, type=83, bootable', 'x2: size=40MiB, type=f'];
        const logical = ['x5: size=8MiB, type=83', 'x6: size=4MiB, type=7', 'x7: size=6MiB, type=82'];
        execFileSync('sfdisk', ['-q', source], { input: ['label: dos', ...lines, ...logical].join('\n') });
        const old = readerOf(await fs.readFile(source));
        const before = await tableOf(old);
        const places = new Map(
          before.partitions.map(({ number, startBytes, sizeBytes }) => {
            const moved = number > 6 ? 20 * mib : 0;
            const grown = number === 6 || number === 2 ? 20 * mib : 0;
            return [number, { startBytes: startBytes + moved, sizeBytes: sizeBytes + grown }];
          }),
        );
        await writeOnto(target, await rewriteMbr(old, { sizeBytes: 100 * mib, sectorSizeBytes: to, places }));
        const after = await tableOf(readerOf(await fs.readFile(target), to));
        expect(after.diskId).toBe(before.diskId);
        expect(after.partitions).toEqual(before.partitions.map((part) => ({ ...part, ...places.get(part.number) })));
        await withLoop(target, ['--sector-size', String(to)], async (device) => {
          const { partitiontable } = JSON.parse(execFileSync('sfdisk', ['--json', device], { encoding: 'utf8' }));
          expect(partitiontable.partitions[0].bootable).toBe(true);
          expect(
            partitiontable.partitions.map((part: { start: number; size: number }) => [part.start * to, part.size * to]),
          ).toEqual(
            [...after.partitions].sort((a, b) => a.number - b.number).map((part) => [part.startBytes, part.sizeBytes]),
          );
          execFileSync('sfdisk', ['--verify', device]);
        });
      });
    },
  );

  test('that does not change is written as it was', async () => {
    const disk = Buffer.alloc(16 * mib);
    writeMbrEntry(disk, 0, { type: 0x83, startLba: 63, sectors: 1000 });
    writeMbrEntry(disk, 1, { type: 0x0f, startLba: 4096, sectors: 20480 });
    writeMbrEntry(disk, 0, { type: 0x82, startLba: 63, sectors: 1000 }, 4096);
    writeMbrEntry(disk, 1, { type: 5, startLba: 8192, sectors: 4096 }, 4096);
    writeMbrEntry(disk, 0, { type: 0x07, startLba: 63, sectors: 2000 }, 12288);
    const patches = await rewriteMbr(readerOf(disk), { sizeBytes: 32 * mib, sectorSizeBytes: 512, places: new Map() });
    expect(patches.map(({ offsetBytes }) => offsetBytes / 512)).toEqual([0, 4096, 12288]);
    expect(applied(patches, disk.length).equals(disk)).toBe(true);
  });

  test('whose places cannot be told in the new sectors is target-sector-size', async () => {
    const disk = Buffer.alloc(16 * mib);
    writeMbrEntry(disk, 0, { type: 0x83, startLba: 63, sectors: 1000 });
    const change = { sizeBytes: 16 * mib, sectorSizeBytes: 4096, places: new Map() };
    await expect(rewriteMbr(readerOf(disk), change)).rejects.toMatchObject({ code: 'target-sector-size' });
    const huge = new Map([[1, { startBytes: mib, sizeBytes: 2 ** 41 + mib }]]);
    const tooLong = rewriteMbr(readerOf(disk), { sizeBytes: 2 ** 42, sectorSizeBytes: 512, places: huge });
    await expect(tooLong).rejects.toMatchObject({ code: 'target-sector-size' });
  });
});
