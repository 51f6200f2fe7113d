import fs from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { totalBytes } from '../../../imaging/extent.ts';
import { unpackPartclone } from '../../../imaging/foreign/partclone-image.ts';
import { SequentialReader } from '../../../imaging/foreign/sequential-reader.ts';
import { DeployError } from '../../../protocol/errors.ts';
import { noise } from '../../fixtures/disks.ts';
import { restoreWithPartclone } from '../../fixtures/partclone.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

const blockBytes = 1024;
const blocks = 40;
const used = [0, 1, 2, 5, 6, 30, 39];
const disk = noise(blocks * blockBytes, 'partition');

/** partclone's CRC-32 has no final inversion. */
const crc = (bytes: Uint8Array, before = 0xffffffff) => (crc32(bytes, ~before >>> 0) ^ 0xffffffff) >>> 0;

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** Version 0001 as partclone before 0.3 wrote it; nothing installable writes it any more. */
function makeVersion1(): Buffer {
  const header = Buffer.alloc(4160);
  header.write('partclone-image');
  header.write('EXTFS', 15);
  header.write('0001', 30);
  header.writeUInt32LE(blockBytes, 36);
  header.writeBigUInt64LE(BigInt(disk.length), 40);
  header.writeBigUInt64LE(BigInt(blocks), 48);
  header.writeBigUInt64LE(BigInt(used.length), 56);
  const bitmap = Buffer.alloc(blocks);
  for (const block of used) bitmap[block] = 1;
  let sum = 0xffffffff;
  const content = used.flatMap((block) => {
    const bytes = disk.subarray(block * blockBytes, (block + 1) * blockBytes);
    sum = crc(Buffer.alloc(blockBytes, bytes[0]), sum);
    return [bytes, number(sum)];
  });
  return Buffer.concat([header, bitmap, Buffer.from('BiTmAgIc'), ...content]);
}

function makeVersion2(blocksPerChecksum: number): Buffer {
  const header = Buffer.alloc(106);
  header.write('partclone-image');
  header.write('0.3.23', 16);
  header.write('0002', 30);
  header.writeUInt16LE(0xc0de, 34);
  header.write('EXTFS', 36);
  header.writeBigUInt64LE(BigInt(disk.length), 52);
  header.writeBigUInt64LE(BigInt(blocks), 60);
  header.writeBigUInt64LE(BigInt(used.length), 68);
  header.writeBigUInt64LE(BigInt(used.length), 76);
  header.writeUInt32LE(blockBytes, 84);
  header.writeUInt32LE(18, 88);
  header.writeUInt16LE(2, 92);
  header.writeUInt16LE(64, 94);
  header.writeUInt16LE(0x20, 96);
  header.writeUInt16LE(4, 98);
  header.writeUInt32LE(blocksPerChecksum, 100);
  header[104] = 1;
  header[105] = 1;
  const bitmap = Buffer.alloc(blocks / 8);
  for (const block of used) bitmap[block >> 3] = (bitmap[block >> 3] ?? 0) | (1 << (block & 7));
  const strips: Buffer[] = [];
  for (let i = 0; i < used.length; i += blocksPerChecksum) {
    const strip = Buffer.concat(
      used.slice(i, i + blocksPerChecksum).map((block) => disk.subarray(block * blockBytes, (block + 1) * blockBytes)),
    );
    strips.push(strip, number(crc(strip)));
  }
  return Buffer.concat([header, number(crc(header)), bitmap, number(crc(bitmap)), ...strips]);
}

async function* inPortions(bytes: Buffer, portionBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += portionBytes) yield bytes.subarray(at, at + portionBytes);
}

async function unpack(image: Buffer, portionBytes = 777) {
  const found = Buffer.alloc(disk.length);
  const content = await unpackPartclone(
    new SequentialReader('sda1', inPortions(image, portionBytes)),
    async (offsetBytes, bytes) => {
      expect(offsetBytes + bytes.length).toBeLessThanOrEqual(disk.length);
      found.set(bytes, offsetBytes);
    },
  );
  return { ...content, found };
}

function expected(): Buffer {
  const bytes = Buffer.alloc(disk.length);
  for (const block of used) {
    bytes.set(disk.subarray(block * blockBytes, (block + 1) * blockBytes), block * blockBytes);
  }
  return bytes;
}

test.each([
  ['0001', makeVersion1()],
  ['0002', makeVersion2(256)],
  ['0002 with a checksum for every 3 blocks', makeVersion2(3)],
])('version %s gives every block at its place, as partclone.restore does', async (_, image) => {
  const { used: extents, found, header } = await unpack(image);
  expect(found.equals(expected())).toBe(true);
  expect(totalBytes(extents)).toBe(used.length * blockBytes);
  expect(header).toMatchObject({ fileSystem: 'EXTFS', blocks, blockBytes, deviceBytes: disk.length });
  await withTempDirectory(async (folder) => {
    const [file, target] = [path.join(folder, 'image'), path.join(folder, 'target')];
    await fs.writeFile(file, image);
    await restoreWithPartclone(file, target);
    expect((await fs.readFile(target)).equals(expected())).toBe(true);
  });
});

test('damage is named with its place', async () => {
  const damaged = makeVersion2(3);
  // The last strip begins with block 39; a byte of it is changed.
  damaged[damaged.length - 10] = (damaged[damaged.length - 10] ?? 0) ^ 1;
  await expect(unpack(damaged)).rejects.toMatchObject({
    code: 'import-corrupt',
    message: expect.stringContaining(`end at byte ${blocks * blockBytes} of its partition`),
  });
  const cut = makeVersion2(3).subarray(0, 5000);
  await expect(unpack(cut)).rejects.toMatchObject({
    code: 'import-corrupt',
    message: expect.stringContaining('ends at byte 5000'),
  });
});

test('no byte of an image can be changed, cut off or added without notice, and none makes it hang or fail otherwise', async () => {
  const images = [makeVersion1(), makeVersion2(3)];
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 5 }),
      fc.integer({ min: -400, max: 400 }),
      async (which, changes, longer) => {
        const whole = images[which] ?? Buffer.alloc(0);
        const image =
          longer < 0 ? Buffer.from(whole.subarray(0, longer)) : Buffer.concat([whole, Buffer.alloc(longer)]);
        for (const [at, value] of changes) image[at % (at % 3 === 0 ? 220 : image.length)] = value;
        const outcome = await unpack(image).catch((thrown: unknown) => thrown);
        if (outcome instanceof DeployError) expect(outcome.code).toMatch(/^import-/);
        else if (outcome instanceof Error) throw outcome;
        else if (which === 1) expect(image.equals(whole)).toBe(true);
      },
    ),
    { numRuns: 300 },
  );
});
