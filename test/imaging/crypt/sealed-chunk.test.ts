import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { decodeChunk, encodeChunk, maxStoredBytes } from '../../../imaging/chunk/stored-chunk.ts';
import { dataKeyFrom, nameOfToken, tokenOf } from '../../../imaging/crypt/data-key.ts';
import { checkStoredChunk, isSealed, openChunk, sealChunk } from '../../../imaging/crypt/sealed-chunk.ts';

const { keys } = dataKeyFrom(Buffer.alloc(32, 'one'));
const other = dataKeyFrom(Buffer.alloc(32, 'other')).keys;

function sealed(content: Uint8Array, level = 1, under = keys) {
  const digest = digestOf(content);
  const stored = encodeChunk(content, level);
  return { digest, stored, name: nameOfToken(tokenOf(under, digest)), bytes: sealChunk(under, digest, stored) };
}

/** What someone without the key can make of it: any change, and a checksum that fits. */
function withChecksum(bytes: Uint8Array): Buffer {
  const body = Buffer.from(bytes.subarray(0, bytes.length - 32));
  return Buffer.concat([body, Buffer.from(digestOf(body), 'hex')]);
}

const corrupt = expect.objectContaining({ code: 'chunk-corrupt' });
const text = Buffer.alloc(65_536, 'the quick brown fox ');

test('what was sealed opens to the stored chunk it was, and decodes to its content', () => {
  const contents = fc.oneof(
    fc.uint8Array({ maxLength: 5000 }),
    fc.string({ maxLength: 5000 }).map((s) => Buffer.from(s)),
  );
  fc.assert(
    fc.property(contents, fc.constantFrom(1, 9), (content, level) => {
      const { digest, stored, name, bytes } = sealed(content, level);
      const opened = openChunk(keys, name, bytes);
      expect(Buffer.compare(opened, stored)).toBe(0);
      expect(opened.buffer.byteLength).toBe(opened.length);
      expect(Buffer.compare(decodeChunk(digest, opened), content)).toBe(0);
      checkStoredChunk(name, bytes, null);
      checkStoredChunk(name, bytes, keys);
    }),
  );
});

test('the largest chunk that there may be fits into the longest stored form', () => {
  const { bytes } = sealed(randomBytes(16 * 2 ** 20));
  expect(bytes.length).toBeLessThanOrEqual(maxStoredBytes);
});

test('neither the content, nor its digest, nor anything of the compressed form is in the sealed form or its name', () => {
  const { digest, stored, name, bytes } = sealed(text);
  const open = Buffer.from(bytes);
  expect(name).not.toBe(digest);
  expect(open.includes(Buffer.from(digest, 'hex'))).toBe(false);
  expect(open.includes('quick')).toBe(false);
  for (let at = 0; at + 8 <= stored.length; at++)
    expect(open.includes(Buffer.from(stored.subarray(at, at + 8)))).toBe(false);
});

test('the same content has one name and one form under one key, and others under another', () => {
  const [one, again, foreign] = [sealed(text), sealed(text), sealed(text, 1, other)];
  expect(again).toEqual(one);
  expect(foreign.name).not.toBe(one.name);
  const body = (bytes: Uint8Array) => Buffer.from(bytes).subarray(24, -32);
  for (let at = 0; at + 12 <= body(one.bytes).length; at += 12) {
    expect(body(foreign.bytes).includes(body(one.bytes).subarray(at, at + 12))).toBe(false);
  }
});

test('two encodings of one content never share a nonce', () => {
  const varied = Buffer.from(Array.from({ length: 8000 }, (_, i) => `${i * 7919} ${i % 13} `).join(''));
  const nonces = [1, 3, 19].map((level) => Buffer.from(sealed(varied, level).bytes).toString('hex', 56, 68));
  const forms = new Set([1, 3, 19].map((level) => digestOf(encodeChunk(varied, level))));
  expect(forms.size).toBeGreaterThan(1);
  expect(new Set(nonces).size).toBe(forms.size);
});

test('any bit that changes is noticed without the key', () => {
  const { name, bytes } = sealed(Buffer.from('short'));
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ bit;
      expect(() => checkStoredChunk(name, damaged, null)).toThrow(corrupt);
    }
  }
});

test('a chunk that is cut anywhere is noticed without the key, and with it even if a checksum was made to fit', () => {
  const { name, bytes } = sealed(Buffer.from('short'));
  for (let length = 0; length < bytes.length; length++) {
    expect(() => checkStoredChunk(name, bytes.subarray(0, length), null)).toThrow(corrupt);
    expect(() => openChunk(keys, name, withChecksum(bytes.subarray(0, length)))).toThrow(corrupt);
  }
});

test('a change that comes with a fitting checksum is noticed with the key', () => {
  const { name, bytes } = sealed(text);
  fc.assert(
    fc.property(fc.nat(bytes.length - 33), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const forged = Buffer.from(bytes);
      forged[at] = (forged[at] as number) ^ change;
      expect(() => openChunk(keys, name, withChecksum(forged))).toThrow(corrupt);
    }),
  );
});

test('one chunk in the place of another is noticed without the key', () => {
  const [one, two] = [sealed(text), sealed(Buffer.from('two'))];
  expect(() => checkStoredChunk(two.name, one.bytes, null)).toThrow(/filed under another name/);
});

test('a sealed chunk never stands for a plain one, nor a plain one for it', () => {
  const { digest, stored, name, bytes } = sealed(text);
  expect(() => checkStoredChunk(digest, bytes, null)).toThrow(corrupt);
  expect(() => checkStoredChunk(name, stored, null)).toThrow(corrupt);
  expect(() => decodeChunk(digest, bytes)).toThrow(corrupt);
});

test('what another key sealed does not open, and is left to whoever has that key by a check', () => {
  const { name, bytes } = sealed(text, 1, other);
  expect(() => openChunk(keys, name, bytes)).toThrow(/another key sealed it/);
  checkStoredChunk(name, bytes, keys);
});

test('other content under a good name, which only a holder of the key can make, is noticed with the key', () => {
  const digest = digestOf(text);
  const bytes = sealChunk(keys, digest, encodeChunk(Buffer.from('other content')));
  const name = nameOfToken(tokenOf(keys, digest));
  checkStoredChunk(name, bytes, null);
  expect(() => checkStoredChunk(name, bytes, keys)).toThrow(/other bytes/);
});

test('of a compressed length only the highest bits show; padding adds at most an eighth, and nothing to what does not compress', () => {
  const lengths = new Set<number>();
  for (let words = 3000; words < 3100; words++) {
    const { stored, bytes } = sealed(Buffer.concat([randomBytes(words * 8), Buffer.alloc(30_000)]));
    expect(bytes.length - 120).toBeGreaterThanOrEqual(stored.length);
    expect(bytes.length - 120).toBeLessThanOrEqual(stored.length * 1.125);
    lengths.add(bytes.length);
  }
  expect(lengths.size).toBeLessThan(4);
  const { stored, bytes } = sealed(randomBytes(65_536));
  expect(bytes.length - 120).toBe(stored.length);
});

test('no bytes make the reader do anything but refuse them', () => {
  const starts = fc.constantFrom(
    Buffer.from('DOSE\x01\0\0\0'),
    Buffer.from('DOSE'),
    Buffer.from('DOSC\x01'),
    Buffer.alloc(0),
  );
  fc.assert(
    fc.property(starts, fc.uint8Array({ maxLength: 300 }), (start, rest) => {
      const bytes = Buffer.concat([start, rest]);
      const token = bytes.subarray(24, 56);
      for (const form of [bytes, withChecksum(bytes)]) {
        if (!isSealed(form)) continue;
        expect(() => checkStoredChunk(nameOfToken(token), form, keys)).not.toThrow(TypeError);
        expect(() => openChunk(keys, nameOfToken(token), form)).toThrow(corrupt);
      }
    }),
  );
});
