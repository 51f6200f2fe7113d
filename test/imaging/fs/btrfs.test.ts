import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ByteReader } from '../../../imaging/blockdev/byte-reader.ts';
import { btrfsReader } from '../../../imaging/fs/btrfs.ts';
import { crc32c } from '../../../imaging/fs/crc.ts';
import { readFileSystem } from '../../../imaging/fs/detect.ts';
import { xxhash64 } from '../../../imaging/fs/xxhash64.ts';
import { readerOf } from '../../fixtures/buffer-reader.ts';
import { run } from '../../fixtures/run.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const MiB = 2 ** 20;
const superblockAt = 65536;
const nodeBytes = 4096;
/** Offsets in the superblock. */
const field = {
  flags: 0x38,
  rootTree: 0x50,
  logRoot: 0x60,
  totalBytes: 0xd1,
  usedBytes: 0x78,
  devices: 0x88,
  sectorBytes: 0x90,
  chunkArrayBytes: 0xa0,
  compatRo: 0xb4,
  incompat: 0xbc,
  checksumType: 0xc4,
  rootLevel: 0xc6,
  deviceId: 0xc9,
  chunkArray: 0x32b,
};

/** Mixed block groups and small nodes: an extent tree of two levels in 16 MiB. */
let whole = Buffer.alloc(0);
/** Where its nodes are. */
let nodes: number[] = [];

beforeAll(async () => {
  whole = await withTempDirectory(async (folder) => {
    const file = join(folder, 'fs.img');
    await using handle = await open(file, 'w');
    await handle.truncate(20 * MiB);
    const sources = join(import.meta.dirname, '../../../imaging');
    await run('mkfs.btrfs', '-q', '-M', '-n', '4096', '-L', 'tree', '-r', sources, file);
    return await readFile(file);
  });
  const uuid = whole.subarray(superblockAt + 0x20, superblockAt + 0x30);
  nodes = Array.from({ length: whole.length / nodeBytes }, (_, i) => i * nodeBytes).filter(
    (at) => at > MiB && whole.subarray(at + 32, at + 48).equals(uuid),
  );
});

/** Gives the superblock, or a node, a right checksum again. */
function seal(bytes: Buffer, at: number): void {
  bytes.fill(0, at, at + 32);
  bytes.writeUInt32LE(~crc32c(0xffffffff, bytes.subarray(at + 32, at + 4096)) >>> 0, at);
}

function changed(change: (superblock: Buffer, all: Buffer) => void): Buffer {
  const copy = Buffer.from(whole);
  change(copy.subarray(superblockAt, superblockAt + 4096), copy);
  seal(copy, superblockAt);
  return copy;
}

async function expectRaw(bytes: Buffer): Promise<string> {
  const map = await readFileSystem(readerOf(bytes));
  expect(map).toMatchObject({
    fileSystem: 'btrfs',
    reader: 'raw',
    used: [{ startBytes: 0, lengthBytes: bytes.length }],
  });
  return map.notes.join();
}

test('a Btrfs has its name, UUID and label, and uses its first MiB and what is allocated', async () => {
  const map = await readFileSystem(readerOf(whole));
  expect(map).toMatchObject({ fileSystem: 'btrfs', label: 'tree', reader: 'btrfs', notes: [] });
  expect(map.uuid).toMatch(/^[0-9a-f-]{36}$/);
  expect(map.used[0]?.startBytes).toBe(0);
  expect(map.used[0]?.lengthBytes).toBeGreaterThanOrEqual(MiB);
  expect(map.used.length).toBeGreaterThan(2);
});

test('bytes behind the end of the device it knows count as used', async () => {
  const map = await readFileSystem(readerOf(Buffer.concat([whole, Buffer.alloc(MiB)])));
  expect(map.used.at(-1)).toEqual({ startBytes: whole.length, lengthBytes: MiB });
});

describe('captured sector by sector, with the reason, is a file system', () => {
  const set = (offset: number, bits: bigint) => (superblock: Buffer) =>
    superblock.writeBigUInt64LE(superblock.readBigUInt64LE(offset) | bits, offset);
  test.for<[string, (superblock: Buffer, all: Buffer) => void, RegExp]>([
    ['with a log tree', (raw) => raw.writeBigUInt64LE(4096n, field.logRoot), /log tree has not been replayed/],
    ['on several devices', (raw) => raw.writeBigUInt64LE(2n, field.devices), /lies on 2 devices/],
    ['that is zoned', set(field.incompat, 0x1000n), /zoned is not read/],
    ['with extent tree v2', set(field.incompat, 0x2000n), /extent tree v2 is not read/],
    ['with a RAID stripe tree', set(field.incompat, 0x4000n), /RAID stripe tree is not read/],
    ['with unknown features', set(field.incompat, 1n << 40n), /incompat 0x10000000000/],
    ['with simple quotas', set(field.incompat, 0x10000n), /incompat 0x10000/],
    ['with unknown read-only features', set(field.compatRo, 0x10n), /compat_ro 0x10/],
    ['with recorded errors', set(field.flags, 4n), /errors are recorded/],
    ['whose checksums are being changed', set(field.flags, 1n << 39n), /middle of a change/],
    ['dumped without data', set(field.flags, 1n << 33n), /middle of a change, or no file system but a dump/],
    ['with an unknown checksum', (raw) => raw.writeUInt16LE(9, field.checksumType), /checksum type 9/],
    ['larger than its partition', (raw) => raw.writeBigUInt64LE(1n << 40n, field.totalBytes), /larger than its/],
    ['with impossible sectors', (raw) => raw.writeUInt32LE(3000, field.sectorBytes), /sector and node sizes/],
    ['with another sum of used bytes', (raw) => raw.writeUInt32LE(8192, field.usedBytes), /extents add up/],
    ['with a chunk array too long', (raw) => raw.writeUInt32LE(3000, field.chunkArrayBytes), /array of system chunks/],
    ['with half a chunk array', (raw) => raw.writeUInt32LE(50, field.chunkArrayBytes), /array of system chunks/],
    ['without system chunks', (raw) => raw.writeUInt32LE(0, field.chunkArrayBytes), /no chunk holds/],
    ['of another device', (raw) => raw.writeBigUInt64LE(7n, field.deviceId), /on another device/],
    ['with a root too deep', (raw) => raw.writeUInt8(8, field.rootLevel), /too deep/],
    ['with a root of another level', (raw) => raw.writeUInt8(7, field.rootLevel), /not the one that belongs there/],
    ['whose root lies nowhere', (raw) => raw.writeBigUInt64LE(1n << 60n, field.rootTree), /no chunk holds/],
    ['whose root lies askew', (raw) => raw.writeUInt8(7, field.rootTree), /misplaced/],
    ['with RAID5 chunks', (raw) => raw.writeUInt8(0x85, field.chunkArray + 17 + 24), /profile RAID5 are not read/],
    ['with remapped chunks', (raw) => raw.writeUInt8(0x8, field.chunkArray + 17 + 25), /profile unknown \(0x800\)/],
  ])('%s', async ([, change, reason]) => {
    expect(await expectRaw(changed(change))).toMatch(reason);
  });

  test('whose superblock does not match its checksum', async () => {
    const copy = Buffer.from(whole);
    copy.write('x', superblockAt + 0x12b);
    expect(await expectRaw(copy)).toMatch(/superblock does not match its checksum/);
  });

  test('that is cut short', async () => {
    expect(await expectRaw(whole.subarray(0, 18 * MiB))).toMatch(/larger than its partition/);
  });

  test('with a flipped bit in a node of its extent tree', async () => {
    const extentNodes = nodes.filter((at) => whole.readBigUInt64LE(at + 88) === 2n && at < whole.length);
    expect(extentNodes.length).toBeGreaterThan(2);
    const reasons = new Set<string>();
    for (const at of extentNodes) {
      const copy = Buffer.from(whole);
      copy.writeUInt8(copy.readUInt8(at + 200) ^ 0x10, at + 200);
      const map = await readFileSystem(readerOf(copy));
      reasons.add(map.notes.join().replace(/\d+/, 'N'));
    }
    // Nodes that have been replaced keep their bytes; a change in one of those changes nothing.
    expect(reasons).toContain('the node at N does not match its checksum: captured sector by sector');
  });
});

test('no damage, even with right checksums, makes the reader throw, hang or answer with extents outside', async () => {
  const places = fc.oneof(
    fc.nat(4063).map((offset) => ({ at: superblockAt, offset: 32 + offset })),
    fc.tuple(fc.nat(nodes.length - 1), fc.oneof(fc.nat(68), fc.nat(400), fc.nat(4063))).map(([node, offset]) => ({
      at: nodes[node] ?? 0,
      offset: 32 + offset,
    })),
  );
  const changes = fc.array(fc.tuple(places, fc.nat(255)), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(changes, fc.boolean(), async (bytes, resealed) => {
      const before = new Map(bytes.map(([{ at }]) => [at, Buffer.from(whole.subarray(at, at + 4096))]));
      for (const [{ at, offset }, value] of bytes) whole.writeUInt8(value, at + offset);
      if (resealed) for (const at of before.keys()) seal(whole, at);
      try {
        await expectSane(readerOf(whole));
      } finally {
        for (const [at, bytesBefore] of before) bytesBefore.copy(whole, at);
      }
    }),
    { numRuns: 1500 },
  );
});

async function expectSane(reader: ByteReader): Promise<void> {
  const map = await btrfsReader.readMap(reader);
  let end = -1;
  for (const { startBytes, lengthBytes } of map?.used ?? []) {
    expect(startBytes).toBeGreaterThan(end);
    expect(lengthBytes % 512).toBe(0);
    end = startBytes + lengthBytes;
  }
  expect(end).toBeLessThanOrEqual(reader.sizeBytes);
}

test('XXH64 gives what the reference program gives', () => {
  const bytes = Buffer.from(Array.from({ length: 96 }, (_, i) => (i * 37 + 250) & 0xff));
  expect(xxhash64(bytes).toString(16)).toBe('ab209b7c7de999ee');
  expect(xxhash64(Buffer.alloc(32, 0xff)).toString(16)).toBe('ff10223616c08787');
});
