import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { makePatch } from '../../../imaging/chunk/slot-patch.ts';
import { decodeChunk, encodeChunk, joinPatched } from '../../../imaging/chunk/stored-chunk.ts';
import { encodePatchList, readPatchList } from '../../../imaging/manifest/patch-list.ts';
import { DeployError } from '../../../protocol/errors.ts';
import { changedFrom } from '../../fixtures/changed-from.ts';
import { noise } from '../../fixtures/disks.ts';

const digest = (seed: number) => digestOf(Buffer.from([seed]));
const patches = new Map([1, 2, 3].map((seed) => [digest(seed), { base: digest(seed + 10), patch: digest(seed + 20) }]));

function codeOf(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (thrown) {
    if (thrown instanceof DeployError) return thrown.code;
    throw thrown;
  }
}

test('a patch list reads back as what it was, in whatever order it was made', () => {
  const list = encodePatchList(patches);
  expect(readPatchList(list)).toEqual(patches);
  expect(encodePatchList(new Map([...patches].reverse())).equals(list)).toBe(true);
});

test('entries out of order and a list that claims too many are manifest-corrupt', () => {
  const list = encodePatchList(patches);
  const swapped = Buffer.concat([
    list.subarray(0, 12),
    list.subarray(108, 204),
    list.subarray(12, 108),
    list.subarray(204),
  ]);
  const many = Buffer.from(list);
  many.writeUInt32LE(2 ** 31, 8);
  for (const bad of [swapped, many]) {
    expect(codeOf(() => readPatchList(bad))).toBe('manifest-corrupt');
  }
});

test('a changed list is a list or manifest-corrupt', () => {
  fc.assert(
    fc.property(changedFrom(encodePatchList(patches)), (bytes) => {
      const code = codeOf(() => readPatchList(bytes));
      if (code === null) expect(readPatchList(bytes).size).toBe((bytes.length - 12) / 96);
      else expect(code).toBe('manifest-corrupt');
    }),
    { numRuns: 2000 },
  );
});

test('base and patch on their way to a thread decode to the slot, and changed in any way to nothing else', () => {
  const base = noise(20_000, 'base');
  const slot = Buffer.concat([base.subarray(0, 9000), Buffer.from('changed'), base.subarray(9007)]);
  const patch = makePatch(base, slot) as Buffer;
  const joined = joinPatched(
    { digest: digestOf(base), stored: encodeChunk(base) },
    { digest: digestOf(patch), stored: encodeChunk(patch) },
  );
  const name = digestOf(slot);
  expect(Buffer.from(decodeChunk(name, Buffer.from(joined))).equals(slot)).toBe(true);
  fc.assert(
    fc.property(changedFrom(joined), (bytes) => {
      // Decoding works in place.
      const copy = Buffer.from(bytes);
      const code = codeOf(() => expect(Buffer.from(decodeChunk(name, copy)).equals(slot)).toBe(true));
      if (code !== null) expect(code).toBe('chunk-corrupt');
    }),
    { numRuns: 1000 },
  );
});
