import fc from 'fast-check';
import { expect, test } from 'vitest';
import { intersect, subtract } from '../../../imaging/chunk/ranges.ts';
import { closeGaps, gapsBetween, planSegments, segmentSizeBytes } from '../../../imaging/chunk/slots.ts';
import { type Extent, mergeExtents, totalBytes } from '../../../imaging/extent.ts';

/** Merged extents below `sectors` sectors of 512 bytes. */
function extentsBelow(sectors: number): fc.Arbitrary<Extent[]> {
  const extent = fc.tuple(fc.nat(sectors - 1), fc.integer({ min: 1, max: 5000 }));
  return fc.array(extent, { maxLength: 30 }).map((pairs) =>
    mergeExtents(
      pairs.map(([start, length]) => ({
        startBytes: start * 512,
        lengthBytes: Math.min(length, sectors - start) * 512,
      })),
    ),
  );
}

const diskSectors = (2 * segmentSizeBytes + 12_345 * 512) / 512;

test('the slots of all segments together hold exactly the used bytes', () => {
  fc.assert(
    fc.property(extentsBelow(diskSectors), fc.constantFrom(65_536, 2 ** 20, 4 * 2 ** 20), (used, chunk) => {
      const found: Extent[] = [];
      for (const segment of planSegments(used, diskSectors * 512, chunk)) {
        for (const slot of segment.slots) {
          const start = segment.index * segmentSizeBytes + slot.index * chunk;
          for (const e of slot.used) {
            expect(e.startBytes + e.lengthBytes).toBeLessThanOrEqual(chunk);
            found.push({ startBytes: start + e.startBytes, lengthBytes: e.lengthBytes });
          }
        }
      }
      expect(mergeExtents(found)).toEqual(used);
    }),
  );
});

test('a disk without used bytes has segments without slots', () => {
  const plans = [...planSegments([], segmentSizeBytes + 512, 2 ** 20)];
  expect(plans).toEqual([
    { index: 0, lengthBytes: segmentSizeBytes, slots: [] },
    { index: 1, lengthBytes: 512, slots: [] },
  ]);
});

test('gaps and extents together fill the slot, and closing gaps never loses a byte', () => {
  fc.assert(
    fc.property(extentsBelow(2048), fc.nat(100_000), (used, gap) => {
      const gaps = [...gapsBetween(used, 2 ** 20)];
      expect(totalBytes(gaps) + totalBytes(used)).toBe(2 ** 20);
      const closed = closeGaps(used, gap);
      expect(intersect(closed, used)).toEqual(used);
    }),
  );
});

test('what is subtracted and what is in both make up the whole', () => {
  fc.assert(
    fc.property(extentsBelow(4096), extentsBelow(4096), (a, b) => {
      expect(mergeExtents([...subtract(a, b), ...intersect(a, b)])).toEqual(a);
      expect(intersect(subtract(a, b), b)).toEqual([]);
    }),
  );
});
