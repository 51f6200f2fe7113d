import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BlockList, scanBitmap } from '../../../imaging/fs/block-list.ts';

test('a bitmap scanned by words gives the same runs as one read bit by bit', () => {
  const bitmaps = fc
    .array(fc.oneof(fc.constantFrom(0, 0xff), fc.nat(255)), { minLength: 4, maxLength: 64 })
    .map((bytes) => Buffer.from(bytes.slice(0, bytes.length & ~3)));
  fc.assert(
    fc.property(bitmaps, fc.double({ min: 0, max: 1, noNaN: true }), (bitmap, share) => {
      const bitCount = Math.round(bitmap.length * 8 * share);
      const bits = Array.from({ length: bitCount }, (_, i) => (((bitmap[i >> 3] ?? 0) >> (i & 7)) & 1) === 1);
      const seen: boolean[] = bits.map(() => false);
      const aligned = Buffer.from(new Uint8Array(bitmap).buffer);
      const set = scanBitmap(aligned, bitCount, (first, end) => {
        expect(seen[first - 1] ?? false).toBe(false);
        seen.fill(true, first, end);
      });
      expect(seen).toEqual(bits);
      expect(set).toBe(bits.filter(Boolean).length);
    }),
  );
});

test('blocks in any order become merged extents', () => {
  const runs = fc.array(fc.tuple(fc.nat(60), fc.nat(8)), { maxLength: 20 });
  fc.assert(
    fc.property(runs, (added) => {
      const list = new BlockList(1024);
      const marked = new Set<number>();
      for (const [first, length] of added) {
        list.add(first, first + length);
        for (let block = first; block < first + length; block++) marked.add(block);
      }
      const extents = list.toExtents();
      const covered = extents.flatMap(({ startBytes, lengthBytes }) =>
        Array.from({ length: lengthBytes / 1024 }, (_, i) => startBytes / 1024 + i),
      );
      expect(covered).toEqual([...marked].sort((a, b) => a - b));
      for (const [i, extent] of extents.slice(1).entries()) {
        const before = extents[i];
        expect(extent.startBytes).toBeGreaterThan((before?.startBytes ?? 0) + (before?.lengthBytes ?? 0));
      }
    }),
  );
});
