import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeChunkList, readChunkList } from '../../../imaging/crypt/chunk-list.ts';

const name = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes).toString('hex'));
const names = fc.uniqueArray(name, { maxLength: 50 }).map((list) => new Set(list));
const damaged = expect.objectContaining({ code: 'manifest-corrupt' });

test('a list reads back as the names that were written, in order', () => {
  fc.assert(
    fc.property(names, (written) => {
      expect([...readChunkList(encodeChunkList(written))]).toEqual([...written].sort());
    }),
  );
});

test('a list that is cut, goes on, or names one chunk twice is manifest-corrupt', () => {
  const list = encodeChunkList(new Set(['11'.repeat(32), '22'.repeat(32)]));
  const twice = Buffer.concat([list.subarray(0, 12), list.subarray(12, 44), list.subarray(12, 44)]);
  const bad: Uint8Array[] = [twice, Buffer.concat([list, Buffer.alloc(1)])];
  for (let length = 0; length < list.length; length++) bad.push(list.subarray(0, length));
  for (const bytes of bad) expect(() => [...readChunkList(bytes)]).toThrow(damaged);
});

test('no bytes make the reader do anything but refuse them or yield as many names as there are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (rest, start) => {
      const bytes = start ? Buffer.concat([Buffer.from('DOSL\x01\0\0\0'), rest]) : rest;
      try {
        expect([...readChunkList(bytes)]).toHaveLength((bytes.length - 12) / 32);
      } catch (thrown) {
        expect(thrown).toMatchObject({ code: 'manifest-corrupt' });
      }
    }),
  );
});
