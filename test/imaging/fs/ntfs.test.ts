import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Extent, mergeExtents } from '../../../imaging/extent.ts';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { changed, expectRaw, expectSane } from '../../fixtures/map-expectations.ts';
import {
  changeFixed,
  changeRecord,
  clusterBytesOf,
  findAttribute,
  findValue,
  firstCluster,
  makeRestartPage,
  type PlannedRun,
  replaceRuns,
} from '../../fixtures/ntfs-surgery.ts';
import { run } from '../../fixtures/run.ts';

const MiB = 1024 * 1024;
const attribute = { volumeInformation: 0x70, data: 0x80, indexAllocation: 0xa0 } as const;
const file = { mft: 0, logFile: 2, volume: 3, root: 5, bitmap: 6, bad: 8 } as const;
let plain = Buffer.alloc(0);

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ntfs-'));
  const filePath = join(folder, 'fs.img');
  await writeFile(filePath, '');
  await truncate(filePath, 6 * MiB);
  await run('mkntfs', '-q', '-F', '-Q', '-c', '512', '-L', 'bäume', filePath);
  plain = await readFile(filePath);
  await rm(folder, { recursive: true });
});

const setState = (copy: Buffer, flags: number) =>
  changeRecord(copy, file.volume, (record) =>
    record.writeUInt16LE(flags, findValue(record, attribute.volumeInformation) + 10),
  );
const setVersion = (copy: Buffer, major: number, minor: number) =>
  changeRecord(copy, file.volume, (record) => {
    const at = findValue(record, attribute.volumeInformation);
    record.writeUInt8(major, at + 8);
    record.writeUInt8(minor, at + 9);
  });

/** Where the clusters of a file start, in bytes. */
function placeOf(bytes: Buffer, number: number, type: number = attribute.data, name = ''): number {
  let cluster = 0;
  changeRecord(bytes, number, (record) => {
    cluster = firstCluster(record, findAttribute(record, type, name));
  });
  return cluster * clusterBytesOf(bytes);
}

function writeLog(copy: Buffer, ...pages: Buffer[]): void {
  const at = placeOf(copy, file.logFile);
  Buffer.concat(pages).copy(copy, at);
}

/** Puts `runs` into $Bad, marks them in $Bitmap, and returns the volume. */
function withBad(runs: readonly PlannedRun[]): Buffer {
  return changed(plain, (copy) => {
    changeRecord(copy, file.bad, (record) => replaceRuns(record, findAttribute(record, attribute.data, '$Bad'), runs));
  });
}

test('an NTFS has its label and serial number, and fewer used bytes than all', async () => {
  const map = await readFileSystem(readerOf(plain));
  const serial = Buffer.from(plain.subarray(72, 80)).reverse().toString('hex').toUpperCase();
  expect(map).toMatchObject({ fileSystem: 'ntfs', uuid: serial, label: 'bäume', reader: 'ntfs', notes: [] });
  expect(map.used.length).toBeGreaterThan(2);
});

test('the sectors behind the last cluster, with the backup boot sector, count as used', async () => {
  const map = await readFileSystem(readerOf(Buffer.concat([plain, Buffer.alloc(MiB + 512)])));
  expect(map.used.at(-1)).toEqual({ startBytes: plain.length - 512, lengthBytes: MiB + 1024 });
});

describe('mapped is a volume', () => {
  test.for<[string, (copy: Buffer) => void]>([
    ['of version 1.2', (copy) => setVersion(copy, 1, 2)],
    ['of version 3.0', (copy) => setVersion(copy, 3, 0)],
    ['that chkdsk has changed', (copy) => setState(copy, 0x8000)],
    ['that NT 4 has mounted', (copy) => setState(copy, 0x0008)],
    ['whose log file Windows closed', (copy) => writeLog(copy, makeRestartPage({}), makeRestartPage({ lsn: 900 }))],
    ['whose log file says clean', (copy) => writeLog(copy, makeRestartPage({ client: 0, flags: 2 }))],
    [
      'whose newer restart page is clean',
      (copy) => writeLog(copy, makeRestartPage({ client: 0 }), makeRestartPage({ lsn: 1001 })),
    ],
  ])('%s', async ([, change]) => {
    const map = await readFileSystem(readerOf(changed(plain, change)));
    expect(map).toMatchObject({ reader: 'ntfs', notes: [] });
  });

  test('whose bitmap lies in pieces', async () => {
    const bitmapAt = placeOf(plain, file.bitmap);
    const movedAt = 11_000 * 512;
    const split = changed(plain, (copy) => {
      moveBitmap(copy, [
        [bitmapAt / 512, 1],
        [movedAt / 512, 2],
      ]);
      setBits(copy, bitmapAt, 11_000, 11_002);
      copy.copy(copy, movedAt, bitmapAt + 512, bitmapAt + 1536);
      copy.fill(0xff, bitmapAt + 512, bitmapAt + 1536);
    });
    const { used } = await readFileSystem(readerOf(plain));
    const moved: Extent = { startBytes: movedAt, lengthBytes: 1024 };
    expect((await readFileSystem(readerOf(split))).used).toEqual(mergeExtents([...used, moved]));
  });
});

/** Marks clusters as used in the bitmap at `bitmapAt`. */
function setBits(copy: Buffer, bitmapAt: number, first: number, end: number): void {
  for (let i = first; i < end; i++) {
    const at = bitmapAt + (i >>> 3);
    copy.writeUInt8(copy.readUInt8(at) | (1 << (i & 7)), at);
  }
}

describe('bad clusters', () => {
  const clusters = 12 * 1024 - 1;
  test('are not read, and counted in a note', async () => {
    const bytes = withBad([
      [null, 11_800],
      [11_800, 3],
      [null, clusters - 11_803],
    ]);
    setBits(bytes, placeOf(bytes, file.bitmap), 11_790, 11_810);
    const map = await readFileSystem(readerOf(bytes));
    expect(map).toMatchObject({ reader: 'ntfs', notes: ['3 clusters are marked bad ($BadClus) and are not read'] });
    const around = map.used.filter(({ startBytes }) => startBytes >= 11_790 * 512 && startBytes < 11_810 * 512);
    expect(around).toEqual([
      { startBytes: 11_790 * 512, lengthBytes: 10 * 512 },
      { startBytes: 11_803 * 512, lengthBytes: 7 * 512 },
    ]);
  });

  test('at other places than their own are damage', async () => {
    const bytes = withBad([
      [null, 5000],
      [5001, 3],
      [null, clusters - 5003],
    ]);
    expect(await expectRaw(bytes)).toMatch(/list of bad clusters is damaged/);
  });

  test('over metadata are damage', async () => {
    const bytes = withBad([
      [0, 100],
      [null, clusters - 100],
    ]);
    expect(await expectRaw(bytes)).toMatch(/metadata lies in free clusters/);
  });
});

describe('captured sector by sector, with the reason, is a volume', () => {
  test.for<[string, (copy: Buffer) => void, RegExp]>([
    ['marked dirty', (copy) => setState(copy, 1), /marked dirty/],
    ['being checked', (copy) => setState(copy, 0x4000), /check of it was not finished/],
    ['with unknown flags', (copy) => setState(copy, 0x0100), /flags 0x100 are unknown/],
    ['of version 4.0', (copy) => setVersion(copy, 4, 0), /NTFS of version 4\.0/],
    [
      'with an open log file',
      (copy) => writeLog(copy, makeRestartPage({ client: 0 })),
      /log file has not been replayed/,
    ],
    [
      'whose newer restart page is open',
      (copy) => writeLog(copy, makeRestartPage({}), makeRestartPage({ client: 0, lsn: 2000 })),
      /log file has not been replayed/,
    ],
    ['kept by fast start-up', (copy) => writeLog(copy, makeRestartPage({ version: [2, 0] })), /version 2\.0/],
    ['with a log of chkdsk', (copy) => writeLog(copy, Buffer.from('CHKD'.padEnd(4096, '\0'))), /changed by chkdsk/],
    ['with a zeroed log', (copy) => writeLog(copy, Buffer.alloc(4096)), /log file is damaged/],
    ['whose mirror differs', (copy) => changeMirror(copy), /mirror do not agree/],
    ['with a torn record', (copy) => copy.writeUInt16LE(0xdead, placeOf(copy, 0) + 510), /not written as a whole/],
    ['with BAAD records', (copy) => copy.write('BAAD', placeOf(copy, 0)), /does not start as one/],
    [
      'whose MFT is free',
      (copy) => copy.fill(0, placeOf(copy, file.bitmap), placeOf(copy, file.bitmap) + 64),
      /free clusters/,
    ],
    ['whose bitmap is short', (copy) => shorten(copy), /shorter than its clusters/],
    ['whose bitmap has a hole', (copy) => moveBitmap(copy, [[null, 3]]), /its bitmap has holes/],
    ['whose bitmap lies outside', (copy) => moveBitmap(copy, [[12_000, 500]]), /outside the file system/],
    ['with a ring in its root directory', makeRing, /one of its directories is damaged/],
    ['with clusters of 4 MiB', (copy) => copy.writeUInt8(0xf3, 13), /clusters of 4194304 bytes/],
    ['with clusters of 3 sectors', (copy) => copy.writeUInt8(3, 13), /cluster size is impossible/],
    ['with records of 64 KiB', (copy) => copy.writeInt8(-16, 64), /file records of 65536 bytes/],
    ['larger than its partition', (copy) => copy.writeBigUInt64LE(0xffffffffn, 40), /larger than its partition/],
    ['that has a FAT', (copy) => copy.writeUInt8(2, 16), /also that of another/],
    ['whose MFT lies outside', (copy) => copy.writeBigUInt64LE(1n << 40n, 48), /MFT lies outside/],
    ['whose MFT lies elsewhere', (copy) => copy.writeBigUInt64LE(77n, 48), /does not start as one/],
  ])('%s', async ([, change, reason]) => {
    expect(await expectRaw(changed(plain, change))).toMatch(reason);
  });
});

function changeMirror(copy: Buffer): void {
  const at = Number(copy.readBigUInt64LE(56)) * clusterBytesOf(copy);
  copy.writeUInt8(copy.readUInt8(at + 60) ^ 1, at + 60);
}

function moveBitmap(copy: Buffer, runs: readonly PlannedRun[]): void {
  changeRecord(copy, file.bitmap, (record) => replaceRuns(record, findAttribute(record, attribute.data), runs));
}

function shorten(copy: Buffer): void {
  changeRecord(copy, file.bitmap, (record) => record.writeBigInt64LE(700n, findAttribute(record, attribute.data) + 48));
}

/** Makes a block of the root directory the child of its own first entry. */
function makeRing(copy: Buffer): void {
  const at = placeOf(copy, file.root, attribute.indexAllocation, '$I30');
  changeFixed(copy.subarray(at, at + 4096), (block) => {
    const entry = 24 + block.readUInt32LE(24);
    block.writeUInt16LE(24, entry + 8);
    block.writeUInt16LE(3, entry + 12);
    block.writeBigUInt64LE(0n, entry + 16);
  });
}

test('no damage to the metadata makes the reader throw, hang or answer with extents outside', async () => {
  const records = fc
    .tuple(fc.nat(10), fc.nat(1023))
    .map(([number, offset]) => placeOf(plain, 0) + number * 1024 + offset);
  const boot = fc.nat(511);
  const changes = fc.array(fc.tuple(fc.oneof(boot, records, records), fc.nat(255)), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(changes, async (bytes) => {
      const damage = (copy: Buffer) => {
        for (const [at, value] of bytes) copy.writeUInt8(value, at);
      };
      await expectSane(changed(plain, damage));
    }),
    { numRuns: 300 },
  );
});

test('no damage that keeps the fixups whole does either', async () => {
  const edit = fc.tuple(fc.nat(10), fc.integer({ min: 16, max: 1023 }), fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
      const damage = (copy: Buffer) => {
        for (const [number, at, value] of edits) {
          changeRecord(copy, number, (record) => record.writeUInt8(value, at >= 40 && at < 56 ? at + 16 : at));
        }
      };
      await expectSane(changed(plain, damage));
    }),
    { numRuns: 300 },
  );
});

test('no truncation does either', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 * 1024 }), async (sectors) => {
      await expectSane(plain.subarray(0, sectors * 512));
    }),
    { numRuns: 200 },
  );
});
