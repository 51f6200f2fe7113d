import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { decodeChunk, encodeChunk, maxChunkBytes } from '../../../imaging/chunk/stored-chunk.ts';
import { noise } from '../../fixtures/disks.ts';

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 5000 }),
  fc.nat(200_000).map((length) => new Uint8Array(length)),
);

test('decoding gives back what was encoded, at every level', () => {
  fc.assert(
    fc.property(bytes, fc.integer({ min: 1, max: 19 }), (content, level) => {
      const decoded = decodeChunk(digestOf(content), encodeChunk(content, level));
      expect(Buffer.compare(decoded, content)).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('bytes that do not compress are stored raw, twelve bytes longer', () => {
  const content = noise(100_000, 'raw');
  const stored = encodeChunk(content);
  expect(stored.length).toBe(content.length + 12);
  expect(stored[5]).toBe(0);
});

test('a chunk with any one bit flipped is refused as chunk-corrupt', () => {
  const content = Buffer.from('the quick brown fox '.repeat(20));
  const stored = encodeChunk(content);
  for (let bit = 0; bit < stored.length * 8; bit++) {
    const damaged = Uint8Array.from(stored);
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    let found: Uint8Array | undefined;
    try {
      found = decodeChunk(digestOf(content), damaged);
    } catch (error) {
      expect(error).toMatchObject({ code: 'chunk-corrupt' });
    }
    // Zstandard's frame header has a bit or two without meaning; then the bytes are still the right ones.
    if (found !== undefined) expect(Buffer.compare(found, content)).toBe(0);
  }
});

test('a chunk cut anywhere is refused as chunk-corrupt', () => {
  const content = Buffer.from('the quick brown fox '.repeat(20));
  const stored = encodeChunk(content);
  for (let length = 0; length < stored.length; length++) {
    expect(() => decodeChunk(digestOf(content), stored.subarray(0, length))).toThrow(/damaged/);
  }
});

test('arbitrary bytes are refused as chunk-corrupt, never anything else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (content, framed) => {
      const stored = framed ? Buffer.concat([Buffer.from('DOSC\x01\x01\0\0'), content]) : content;
      expect(() => decodeChunk('0'.repeat(64), stored)).toThrow(expect.objectContaining({ code: 'chunk-corrupt' }));
    }),
  );
});

test('a length above the largest chunk is refused before anything is decompressed', () => {
  const stored = encodeChunk(new Uint8Array(1000));
  new DataView(stored.buffer).setUint32(8, maxChunkBytes + 1, true);
  expect(() => decodeChunk(digestOf(new Uint8Array(1000)), stored)).toThrow(/claims/);
});

test('a payload that decompresses to more than its header says is refused', () => {
  const content = new Uint8Array(1_000_000);
  const stored = encodeChunk(content);
  new DataView(stored.buffer).setUint32(8, 1000, true);
  expect(() => decodeChunk(digestOf(content), stored)).toThrow(/does not decompress|holds/);
});
