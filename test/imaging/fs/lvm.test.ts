import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import {
  describeTestGroup,
  describeTestVolume,
  linearAt,
  makePv,
  type PvOptions,
  pvUuidText,
} from '../../fixtures/lvm-pv.ts';

const MiB = 2 ** 20;
const extentBytes = 65536;
const dataAt = MiB;
const sizeBytes = 6 * MiB;
const endOfData = dataAt + 64 * extentBytes;

function makeGroup(volumes: string, options: Partial<PvOptions> & { more?: string; devices?: string } = {}): Buffer {
  const { more = '', devices = '', ...rest } = options;
  return makePv({ text: describeTestGroup({ volumes, more, devices }), sizeBytes, dataAtBytes: dataAt, ...rest });
}

/** Head and tail, which always count as used, and `extents` of the physical volume, as runs. */
function usedOf(...extents: [first: number, count: number][]) {
  return [
    { startBytes: 0, lengthBytes: dataAt },
    ...extents.map(([first, count]) => ({
      startBytes: dataAt + first * extentBytes,
      lengthBytes: count * extentBytes,
    })),
    { startBytes: endOfData, lengthBytes: sizeBytes - endOfData },
  ];
}

/** A swap area of `pages` pages at the start of the extent: one page of it is used. */
function writeSwap(disk: Buffer, extent: number, pages: number): void {
  const at = dataAt + extent * extentBytes;
  disk.writeUInt32LE(1, at + 1024);
  disk.writeUInt32LE(pages - 1, at + 1028);
  disk.write('SWAPSPACE2', at + 4086);
}

async function expectRaw(bytes: Buffer): Promise<string> {
  const map = await readFileSystem(readerOf(bytes));
  expect(map).toMatchObject({
    fileSystem: 'LVM2_member',
    reader: 'raw',
    used: [{ startBytes: 0, lengthBytes: bytes.length }],
  });
  expect(map.volumes).toBeUndefined();
  return map.notes.join();
}

describe('a physical volume', () => {
  test('of a group without volumes uses its head and its tail', async () => {
    const map = await readFileSystem(readerOf(makeGroup('')));
    expect(map).toEqual({
      fileSystem: 'LVM2_member',
      uuid: pvUuidText,
      label: null,
      reader: 'lvm2',
      used: usedOf(),
      notes: [],
      volumes: [],
    });
  });

  test.for([0, 2, 3])('may have its label in sector %i', async (labelSector) => {
    const map = await readFileSystem(readerOf(makeGroup('', { labelSector })));
    expect(map).toMatchObject({ reader: 'lvm2', used: usedOf() });
  });

  test('may have metadata that go round the end of their area', async () => {
    const disk = makeGroup(describeTestVolume('root', 3, linearAt(5)), { areaBytes: 8192, textAt: 8192 - 300 });
    expect(await readFileSystem(readerOf(disk))).toMatchObject({ reader: 'lvm2', used: usedOf([5, 3]) });
  });

  test('has the file systems in its volumes read, and their extents where those are', async () => {
    const pieces = `root { status = ["READ", "WRITE", "VISIBLE"]
      segment_count = 2
      segment2 { start_extent = 2
        extent_count = 4
        ${linearAt(1)} }
      segment1 { start_extent = 0
        extent_count = 2
        ${linearAt(30)} } }`;
    const disk = makeGroup(`${pieces}\n${describeTestVolume('blank', 2, linearAt(40))}`);
    writeSwap(disk, 30, (6 * extentBytes) / 4096 - 16);
    const map = await readFileSystem(readerOf(disk));
    const page = { startBytes: dataAt + 30 * extentBytes, lengthBytes: 4096 };
    const behind = { startBytes: dataAt + 4 * extentBytes, lengthBytes: extentBytes };
    const [head, tail] = usedOf();
    expect(map.used).toEqual([head, behind, page, ...usedOf([40, 2]).slice(1, 2), tail]);
    expect(map.volumes).toMatchObject([
      {
        name: 'vg0/root',
        sizeBytes: 6 * extentBytes,
        fileSystem: 'swap',
        reader: 'swap',
        usedBytes: 4096 + extentBytes,
      },
      { name: 'vg0/blank', sizeBytes: 2 * extentBytes, fileSystem: null, reader: 'raw', usedBytes: 2 * extentBytes },
    ]);
  });

  test('tells what is wrong inside a volume', async () => {
    const disk = makeGroup(describeTestVolume('swap', 2, linearAt(7)));
    writeSwap(disk, 7, 1000);
    const map = await readFileSystem(readerOf(disk));
    expect(map).toMatchObject({ reader: 'lvm2', used: usedOf([7, 2]) });
    expect(map.notes).toEqual([
      'volume vg0/swap: the swap header does not fit its partition: captured sector by sector',
    ]);
  });

  test('of an exported group says so', async () => {
    const text = describeTestGroup({ volumes: describeTestVolume('a', 1, linearAt(0)) }).replace(
      '"READ"',
      '"EXPORTED", "READ"',
    );
    const map = await readFileSystem(readerOf(makePv({ text, sizeBytes, dataAtBytes: dataAt })));
    expect(map).toMatchObject({ reader: 'lvm2', notes: ['volume group vg0 is exported'] });
  });

  test('of a group on several keeps all that is allocated on it', async () => {
    const spread = `type = "striped"\nstripe_count = 2\nstripe_size = 128\nstripes = ["pv0", 4, "pv1", 9]`;
    const disk = makeGroup(describeTestVolume('a', 6, spread) + describeTestVolume('b', 2, linearAt(20)), {
      devices:
        'pv1 { id = "AAAAAA-akW0-YKrH-b9SA-W51i-GwMf-LQwvRF"\nstatus = ["ALLOCATABLE"]\nflags = ["MISSING"]\npe_start = 2048\npe_count = 64\n}',
    });
    writeSwap(disk, 20, 32);
    const map = await readFileSystem(readerOf(disk));
    expect(map).toMatchObject({ reader: 'lvm2', used: usedOf([4, 3], [20, 2]) });
    expect(map.notes.join()).toMatch(/vg0 lies on 2 physical volumes/);
  });
});

test('what a thousand volumes have to say fits a manifest', async () => {
  const thin = 'type = "thin"\nthin_pool = "pool"\ndevice_id = 1';
  const volumes = Array.from({ length: 1200 }, (_, i) => describeTestVolume(`thin${i}`, 9, thin)).join('');
  const map = await readFileSystem(readerOf(makeGroup(volumes)));
  expect(map.volumes?.length).toBe(1200);
  expect(map.notes.at(-1)).toBe('and 1100 notes more');
});

const hidden = '"HIDDEN"';
describe('kept whole, with the reason, is a volume', () => {
  const swap2 = describeTestVolume('swap', 2, linearAt(7));
  test.for<[string, string, [number, number][], RegExp]>([
    [
      'with a snapshot',
      `${swap2}${describeTestVolume('cow', 3, linearAt(20))}${describeTestVolume('snapshot0', 2, 'type = "snapshot"\nchunk_size = 8\norigin = "swap"\ncow_store = "cow"', '"FIXED_MINOR"')}`,
      [
        [7, 2],
        [20, 3],
      ],
      /vg0\/swap: snapshot0 rests on it.*vg0\/cow: snapshot0 rests on it/,
    ],
    [
      'that is a thin pool, with a thin volume in it',
      `${describeTestVolume('pool', 2, 'type = "thin-pool"\nmetadata = "pool_tmeta"\npool = "pool_tdata"\nchunk_size = 128')}${describeTestVolume('pool_tmeta', 1, linearAt(3), hidden)}${describeTestVolume('pool_tdata', 2, linearAt(7), hidden)}${describeTestVolume('thin', 500, 'type = "thin"\nthin_pool = "pool"\ntransaction_id = 0\ndevice_id = 1')}`,
      [
        [3, 1],
        [7, 2],
      ],
      /vg0\/pool: thin rests on it.*vg0\/thin: it is thin/,
    ],
    [
      'that is cached',
      `${describeTestVolume('root', 2, 'type = "cache"\ncache_pool = "fast"\norigin = "root_corig"')}${describeTestVolume('root_corig', 2, linearAt(7), hidden)}${describeTestVolume('fast', 1, 'type = "cache-pool+METADATA_FORMAT"\nmetadata = "fast_cmeta"\ndata = "fast_cdata"', hidden)}${describeTestVolume('fast_cdata', 1, linearAt(30), hidden)}${describeTestVolume('fast_cmeta', 1, linearAt(40), hidden)}`,
      [
        [7, 2],
        [30, 1],
        [40, 1],
      ],
      /vg0\/root: it is cache/,
    ],
    [
      'that is being moved',
      describeTestVolume('swap', 2, linearAt(7), '"VISIBLE", "LOCKED"'),
      [[7, 2]],
      /its state is LOCKED/,
    ],
    [
      'of RAID5',
      `${describeTestVolume('r', 2, 'type = "raid5_ls"\ndevice_count = 3\nstripe_size = 128\nraids = ["r_rmeta_0", "r_rimage_0", "r_rmeta_1", "r_rimage_1"]')}${[0, 1].map((i) => describeTestVolume(`r_rmeta_${i}`, 1, linearAt(10 + i * 4), hidden) + describeTestVolume(`r_rimage_${i}`, 1, linearAt(20 + i * 4), hidden)).join('')}`,
      [
        [10, 1],
        [14, 1],
        [20, 1],
        [24, 1],
      ],
      /vg0\/r: it is raid5_ls/,
    ],
  ])('%s', async ([, volumes, extents, reason]) => {
    const disk = makeGroup(volumes);
    writeSwap(disk, 7, 32);
    const map = await readFileSystem(readerOf(disk));
    expect(map).toMatchObject({ reader: 'lvm2', used: usedOf(...extents) });
    expect(map.notes.join()).toMatch(reason);
  });

  const mirror = (imageStatus = '"READ"') =>
    `${describeTestVolume('m', 2, 'type = "raid1"\ndevice_count = 2\nregion_size = 1024\nraids = ["m_rmeta_0", "m_rimage_0", "m_rmeta_1", "m_rimage_1"]')}${[0, 1].map((i) => describeTestVolume(`m_rmeta_${i}`, 1, linearAt(10 + i * 4), hidden) + describeTestVolume(`m_rimage_${i}`, 2, linearAt(20 + i * 10), imageStatus)).join('')}`;
  const metadata: [number, number][] = [
    [10, 1],
    [14, 1],
  ];

  test('of RAID1 whose legs differ', async () => {
    const disk = makeGroup(mirror());
    writeSwap(disk, 20, 32);
    writeSwap(disk, 30, 31);
    const map = await readFileSystem(readerOf(disk));
    expect(map.used).toEqual(usedOf(...metadata, [20, 2], [30, 2]));
    expect(map.notes).toEqual(['volume vg0/m: its mirrors differ: captured sector by sector']);
    writeSwap(disk, 30, 32);
    const page = (extent: number) => ({ startBytes: dataAt + extent * extentBytes, lengthBytes: 4096 });
    const [head, first, second, tail] = usedOf(...metadata);
    expect((await readFileSystem(readerOf(disk))).used).toEqual([head, first, second, page(20), page(30), tail]);
  });

  test('of RAID1 with a leg that is being rebuilt', async () => {
    const disk = makeGroup(mirror('"REBUILD"'));
    writeSwap(disk, 20, 32);
    writeSwap(disk, 30, 32);
    const map = await readFileSystem(readerOf(disk));
    expect(map.used).toEqual(usedOf(...metadata, [20, 2], [30, 2]));
    expect(map.notes.join()).toMatch(/mirrors are not all whole or at rest/);
  });
});

describe('captured sector by sector, with the reason, is a physical volume', () => {
  test.for<[string, () => Buffer, RegExp]>([
    ['in no group', () => makePv({ text: '', sizeBytes, dataAtBytes: dataAt }), /belongs to none/],
    ['whose metadata are elsewhere', () => makeGroup('', { flags: 1 }), /holds no metadata/],
    ['with a change in the middle', () => makeGroup('', { precommittedBytes: 100 }), /change of its volume group/],
    [
      'of a group shared by several machines',
      () => makeGroup('', { more: 'lock_type = "sanlock"' }),
      /shared by several/,
    ],
    [
      'with an unknown type of segment',
      () => makeGroup(describeTestVolume('a', 1, 'type = "novel"')),
      /'novel' are unknown/,
    ],
    [
      'with overlapping volumes',
      () => makeGroup(describeTestVolume('a', 4, linearAt(0)) + describeTestVolume('b', 4, linearAt(3))),
      /share extents/,
    ],
    ['with a volume outside', () => makeGroup(describeTestVolume('a', 4, linearAt(62))), /lies outside/],
    [
      'with a stripe that does not divide',
      () =>
        makeGroup(describeTestVolume('a', 3, 'type = "striped"\nstripe_size = 128\nstripes = ["pv0", 0, "pv0", 9]')),
      /impossible length/,
    ],
    [
      'with stripes that its extents do not hold in whole',
      () => makeGroup(describeTestVolume('a', 2, 'type = "striped"\nstripe_size = 48\nstripes = ["pv0", 0, "pv0", 9]')),
      /do not fill its extents/,
    ],
    [
      'with empty stripes',
      () => makeGroup(describeTestVolume('a', 2, 'type = "striped"\nstripe_size = 0\nstripes = ["pv0", 0, "pv0", 9]')),
      /empty stripes/,
    ],
    [
      'with a segment on nothing',
      () => makeGroup(describeTestVolume('a', 2, 'type = "striped"\nstripes = []')),
      /rests on nothing/,
    ],
    [
      'with a missing segment',
      () => makeGroup(`a { segment_count = 2\nsegment1 { start_extent = 0\nextent_count = 1\n${linearAt(0)}} }`),
      /lacks segments/,
    ],
    ['with a name too long', () => makeGroup(describeTestVolume('a'.repeat(5000), 1, linearAt(0))), /a name too long/],
    [
      'with a gap in a volume',
      () => makeGroup(`a { segment_count = 1\nsegment1 { start_extent = 4\nextent_count = 1\n${linearAt(0)}} }`),
      /do not join/,
    ],
    ['nested too deep', () => makeGroup('a {'.repeat(30)), /nested too deep/],
    ['with half a text', () => makeGroup('}'.repeat(30)), /unexpected '}'/],
    [
      'with a text of another format',
      () => makePv({ text: 'contents = "Other"\nvg { }', sizeBytes, dataAtBytes: dataAt }),
      /unknown format/,
    ],
    ['with no text at all', () => makePv({ text: '\x01\x02', sizeBytes, dataAtBytes: dataAt }), /make no sense/],
    [
      'with a string that has no end',
      () => makePv({ text: `a = "${'\\"'.repeat(50_000)}`, sizeBytes, dataAtBytes: dataAt }),
      /make no sense/,
    ],
    [
      'with comments and no end',
      () => makePv({ text: `${'#a '.repeat(50_000)}"`, sizeBytes, dataAtBytes: dataAt }),
      /unknown format/,
    ],
    ['cut short', () => makeGroup('').subarray(0, 4 * MiB), /larger than its partition/],
  ])('%s', async ([, make, reason]) => {
    expect(await expectRaw(make())).toMatch(reason);
  });

  test('whose label, header or text does not match its checksum', async () => {
    const reasons = await Promise.all(
      [600, 4096 + 80, 4096 + 512 + 40].map((at) => {
        const disk = makeGroup('');
        disk.writeUInt8(disk.readUInt8(at) ^ 1, at);
        return expectRaw(disk);
      }),
    );
    expect(reasons[0]).toMatch(/label does not match/);
    expect(reasons[1]).toMatch(/header of a metadata area does not match/);
    expect(reasons[2]).toMatch(/metadata do not match/);
  });
});

test('a physical volume in a logical volume is not looked into', async () => {
  const disk = makeGroup(describeTestVolume('guest', 32, linearAt(0)));
  makePv({ text: describeTestGroup({ extents: 8 }), sizeBytes: 32 * extentBytes, dataAtBytes: MiB }).copy(disk, dataAt);
  const map = await readFileSystem(readerOf(disk));
  expect(map.used).toEqual([{ startBytes: 0, lengthBytes: dataAt + 32 * extentBytes }, usedOf().at(-1)]);
  expect(map.volumes).toMatchObject([{ fileSystem: 'LVM2_member', reader: 'raw' }]);
});

test('no text with right checksums makes the reader throw, hang or answer with extents outside', async () => {
  const good = describeTestGroup({
    volumes:
      describeTestVolume('a', 8, linearAt(4)) +
      describeTestVolume('s', 6, 'type = "striped"\nstripe_size = 32\nstripes = ["pv0", 20, "pv0", 30]'),
  });
  const words = [
    '{',
    '}',
    '[',
    ']',
    '=',
    ',',
    '"',
    '#',
    '\n',
    '\\',
    '0',
    '-1',
    '1e300',
    '281474976710656',
    '0.5',
    'pv0',
    'a',
    '\0',
    'é',
  ];
  const edits = fc.array(fc.tuple(fc.nat(good.length), fc.nat(12), fc.constantFrom(...words)), {
    minLength: 1,
    maxLength: 5,
  });
  await fc.assert(
    fc.asyncProperty(edits, async (changes) => {
      let text = good;
      for (const [at, removed, added] of changes) text = text.slice(0, at) + added + text.slice(at + removed);
      const map = await readFileSystem(readerOf(makePv({ text, sizeBytes, dataAtBytes: dataAt })));
      let end = -1;
      for (const { startBytes, lengthBytes } of map.used) {
        expect(startBytes).toBeGreaterThan(end);
        expect(lengthBytes % 512).toBe(0);
        end = startBytes + lengthBytes;
      }
      expect(end).toBeLessThanOrEqual(sizeBytes);
    }),
    { numRuns: 500 },
  );
});

test('no damage to label and header makes the reader throw', async () => {
  const good = makeGroup(describeTestVolume('a', 8, linearAt(4)));
  const places = fc.oneof(
    fc.nat(511).map((at) => 512 + at),
    fc.nat(100).map((at) => 4096 + at),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(places, fc.nat(255)), { minLength: 1, maxLength: 6 }), async (changes) => {
      const disk = Buffer.from(good);
      for (const [at, value] of changes) disk.writeUInt8(value, at);
      const { used } = await readFileSystem(readerOf(disk));
      expect(used.at(-1)?.startBytes).toBeLessThan(sizeBytes);
    }),
    { numRuns: 200 },
  );
});
