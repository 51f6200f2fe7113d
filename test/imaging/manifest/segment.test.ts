import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { cutIntoSlots } from '../../../imaging/chunk/slots.ts';
import { mergeExtents } from '../../../imaging/extent.ts';
import { encodeSegment, readSlots, type Segment } from '../../../imaging/manifest/segment.ts';

const chunkSizeBytes = 65_536;

const segments: fc.Arbitrary<Segment> = fc
  .tuple(fc.integer({ min: 1, max: 4000 }), fc.array(fc.tuple(fc.nat(4000), fc.integer({ min: 1, max: 300 }))))
  .map(([sectors, pairs]) => {
    const used = mergeExtents(
      pairs
        .filter(([start]) => start < sectors)
        .map(([start, length]) => ({ startBytes: start * 512, lengthBytes: Math.min(length, sectors - start) * 512 })),
    );
    const slots = [...cutIntoSlots(used, chunkSizeBytes)].map((slot) => ({
      ...slot,
      digest: slot.index % 3 === 0 ? null : digestOf(Buffer.from(`chunk ${slot.index}`)),
    }));
    return { lengthBytes: sectors * 512, chunkSizeBytes, slots };
  });

test('reading an encoded segment gives back its slots', () => {
  fc.assert(
    fc.property(segments, (segment) => {
      expect([...readSlots(encodeSegment(segment), segment)]).toEqual(segment.slots);
    }),
  );
});

test('a damaged segment is refused as manifest-corrupt or reads as some other valid one, and never runs away', () => {
  fc.assert(
    fc.property(segments, fc.nat(), fc.integer({ min: 1, max: 255 }), (segment, at, change) => {
      const bytes = encodeSegment(segment);
      bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ change;
      try {
        for (const slot of readSlots(bytes, segment))
          expect(slot.index * chunkSizeBytes).toBeLessThan(segment.lengthBytes);
      } catch (error) {
        expect(error).toMatchObject({ code: 'manifest-corrupt' });
      }
    }),
    { numRuns: 500 },
  );
});

test('a segment cut anywhere is refused as manifest-corrupt', () => {
  const segment = {
    lengthBytes: 200_000 - (200_000 % 512),
    chunkSizeBytes,
    slots: [{ index: 1, digest: digestOf(Buffer.from('x')), used: [{ startBytes: 512, lengthBytes: 1024 }] }],
  };
  const bytes = encodeSegment(segment);
  for (let length = 0; length < bytes.length; length++) {
    expect(() => [...readSlots(bytes.subarray(0, length), segment)]).toThrow(
      expect.objectContaining({ code: 'manifest-corrupt' }),
    );
  }
});

test('a segment of another place on the disk is refused', () => {
  const segment = { lengthBytes: 65_536, chunkSizeBytes, slots: [] };
  expect(() => [...readSlots(encodeSegment(segment), { ...segment, lengthBytes: 131_072 })]).toThrow(/its place/);
});
