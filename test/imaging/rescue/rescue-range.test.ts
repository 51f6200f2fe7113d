import fc from 'fast-check';
import { expect, test } from 'vitest';
import { totalBytes } from '../../../imaging/extent.ts';
import { rescueRange } from '../../../imaging/rescue/rescue-range.ts';
import { noise } from '../../fixtures/disks.ts';

const sectorBytes = 512;
const disk = noise(2 ** 20, 'disk');

/** A device whose `bad` sectors never read; `flaky` ones do at the second attempt. */
function failingDisk(bad: ReadonlySet<number>, flaky = new Set<number>()) {
  const seen = new Set<number>();
  const device = {
    reads: 0,
    failures: 0,
    tryRead: async (into: Buffer, offsetBytes: number) => {
      device.reads++;
      for (let at = offsetBytes; at < offsetBytes + into.length; at += sectorBytes) {
        const sector = at / sectorBytes;
        const once = flaky.has(sector) && into.length === sectorBytes && !seen.has(sector);
        if (once) seen.add(sector);
        if (!bad.has(sector) && !once && !(flaky.has(sector) && into.length > sectorBytes)) continue;
        device.failures++;
        return false;
      }
      into.set(disk.subarray(offsetBytes, offsetBytes + into.length));
      return true;
    },
  };
  return device;
}

test('exactly the bad sectors are lost, and everything else is as on the disk', async () => {
  const sectors = fc.uniqueArray(fc.nat(disk.length / sectorBytes - 1), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(sectors, sectors, async (bad, flaky) => {
      const wanted = new Set(bad);
      const into = Buffer.alloc(disk.length, 0xaa);
      const device = failingDisk(wanted, new Set(flaky.filter((sector) => !wanted.has(sector))));
      const lost = await rescueRange(into, 0, sectorBytes, device.tryRead);
      const lostSectors = lost.map(({ startBytes, lengthBytes }) => {
        expect(lengthBytes).toBe(sectorBytes);
        return startBytes / sectorBytes;
      });
      expect(lostSectors).toEqual([...bad].sort((a, b) => a - b));
      const expected = Buffer.from(disk);
      for (const sector of bad) expected.fill(0, sector * sectorBytes, (sector + 1) * sectorBytes);
      expect(into.equals(expected)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('a range that is bad all over costs a bounded number of failing reads', async () => {
  const device = failingDisk(new Set(Array.from({ length: 2048 }, (_, i) => i)));
  const into = Buffer.alloc(disk.length, 0xaa);
  const lost = await rescueRange(into, 0, sectorBytes, device.tryRead);
  expect(totalBytes(lost)).toBe(disk.length);
  expect(into.equals(Buffer.alloc(disk.length))).toBe(true);
  expect(device.failures).toBeLessThan(300);
});
