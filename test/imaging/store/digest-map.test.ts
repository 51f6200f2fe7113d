import { createHash, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkList } from '../../../imaging/store/chunk-list.ts';
import { DigestMap } from '../../../imaging/store/digest-map.ts';

const hex = (text: string) => createHash('sha256').update(text).digest('hex');

/** Digests that fall into few shards, begin alike or are all zero, beside random ones. */
const digests = fc
  .oneof(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc
      .uint8Array({ minLength: 2, maxLength: 2 })
      .map(([a, b]) =>
        Buffer.concat([Buffer.alloc(15), Buffer.from([a as number]), Buffer.alloc(15), Buffer.from([b as number])]),
      ),
  )
  .map((bytes) => Buffer.from(bytes).toString('hex'));

test('a map of digests answers as a Map does, for every digest whose first half differs', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(digests, fc.integer({ min: 0, max: 2 ** 32 - 2 })), { maxLength: 3000 }),
      (entries) => {
        const map = new DigestMap();
        const model = new Map<string, number>();
        for (const [digest, value] of entries) {
          expect(map.get(digest)).toBe(model.get(digest.slice(0, 32)));
          map.set(digest, value);
          model.set(digest.slice(0, 32), value);
        }
        for (const [digest] of entries) expect(map.get(digest)).toBe(model.get(digest.slice(0, 32)));
      },
    ),
    { numRuns: 50 },
  );
});

test('no digest of two hundred thousand is forgotten while the map grows, and none is made up', () => {
  const map = new DigestMap();
  for (let i = 0; i < 200_000; i++) map.set(hex(`in ${i}`), i);
  for (let i = 0; i < 200_000; i++) {
    if (map.get(hex(`in ${i}`)) !== i) throw new Error(`digest ${i} is lost`);
    if (map.has(hex(`out ${i}`))) throw new Error(`digest ${i} is made up`);
  }
});

test('a digest takes 25 to 42 bytes, however many there are', () => {
  const map = new DigestMap();
  const random = randomBytes(16 * 300_000).toString('hex');
  for (let i = 0; i < 300_000; i++) {
    map.set(random.slice(32 * i, 32 * i + 32), 0);
    if (i % 10_000 !== 9999 || i < 40_000) continue;
    expect(map.sizeBytes / (i + 1)).toBeGreaterThanOrEqual(25);
    expect(map.sizeBytes / (i + 1)).toBeLessThan(42);
  }
});

test('a list of chunks gives back what was pushed, in order, in batches of any size', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 1, max: 5000 }), (count, size) => {
      const list = new ChunkList();
      const pushed = Array.from({ length: count }, (_, i) => ({
        digest: hex(`${i}`),
        storedBytes: (i * 7919) % 2 ** 24,
      }));
      for (const chunk of pushed) list.push(chunk);
      expect([...list.batches(size)].flat()).toEqual(pushed);
    }),
    { numRuns: 10 },
  );
});
