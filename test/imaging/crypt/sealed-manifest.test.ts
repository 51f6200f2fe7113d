import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { dataKeyFrom } from '../../../imaging/crypt/data-key.ts';
import { openManifest, parseStoredManifest, sealManifestWith } from '../../../imaging/crypt/sealed-manifest.ts';
import { canonicalJson, type Json } from '../../../imaging/manifest/canonical-json.ts';
import { parseManifest } from '../../../imaging/manifest/manifest.ts';
import { chunkOf, tinyImage } from '../../conformance/store-conformance.ts';

const { keys } = dataKeyFrom(Buffer.alloc(32, 'one'));
const other = dataKeyFrom(Buffer.alloc(32, 'other')).keys;
const { manifest } = tinyImage('web-01', chunkOf('content'));
const list = digestOf(Buffer.from('list'));
const sealed = sealManifestWith(keys, manifest, [list]);
const damaged = expect.objectContaining({ code: 'manifest-corrupt' });

/** What a hostile store can make: other values under a digest that fits. */
function forge(changes: { [key: string]: Json }): Buffer {
  const { manifestDigest, ...rest } = { ...(JSON.parse(sealed.toString()) as { [key: string]: Json }), ...changes };
  return Buffer.from(canonicalJson({ ...rest, manifestDigest: digestOf(Buffer.from(canonicalJson(rest))) }));
}

test('a store sees name, size, key and chunk lists, and nothing else of the manifest', () => {
  const { id, createdAt, toolVersion, rootDigest, manifestDigest, segments, source } = parseManifest(manifest);
  const seen = parseStoredManifest(sealed);
  const { sealed: _, manifestDigest: __, ...open } = seen as typeof seen & { sealed: string };
  expect(open).toEqual({
    ...{ format: 'deploy-os-image-encrypted', version: 1, id, name: 'web-01', createdAt, toolVersion },
    ...{ sizeBytes: 65_536, keyId: keys.id, chunkLists: [list] },
  });
  for (const secret of [rootDigest, manifestDigest, segments[0] as string, source.label]) {
    expect(sealed.includes(secret)).toBe(false);
  }
});

test('with the key it opens to the bytes that were sealed; without one, reading it as an image is key-needed', () => {
  expect(Buffer.compare(openManifest(keys, sealed), manifest)).toBe(0);
  expect(() => openManifest(other, sealed)).toThrow(damaged);
  expect(() => parseManifest(sealed)).toThrow(expect.objectContaining({ code: 'key-needed' }));
});

test('whatever a store changes of it, with a digest that fits, is noticed with the key', () => {
  const { sealed: text } = JSON.parse(sealed.toString()) as { sealed: string };
  const flipped = Buffer.from(text, 'base64');
  flipped[30] = (flipped[30] as number) ^ 1;
  const changes: { [key: string]: Json }[] = [
    { name: 'web-02' },
    { sizeBytes: 512 },
    { id: '8f14e45f-ceea-867a-8a5f-e4da2e2b9d2c' },
    { createdAt: '2020-01-01T00:00:00Z' },
    { chunkLists: [] },
    { keyId: other.id },
    { added: true },
    { sealed: flipped.toString('base64') },
  ];
  for (const change of changes) expect(() => openManifest(keys, forge(change))).toThrow(damaged);
  expect(Buffer.compare(openManifest(keys, forge({})), manifest)).toBe(0);
});

test('shapes that are none are refused before anything is decrypted', () => {
  const hostile: { [key: string]: Json }[] = [
    { chunkLists: ['../../etc/passwd'] },
    { chunkLists: {} },
    { sizeBytes: -512 },
    { sizeBytes: 1e300 },
    { sealed: 'AAAA' },
    { sealed: 7 },
    { keyId: 'x' },
    { name: '' },
    { id: null },
  ];
  for (const change of hostile) expect(() => parseStoredManifest(forge(change))).toThrow(damaged);
  expect(() => parseStoredManifest(forge({ version: 2 }))).toThrow(
    expect.objectContaining({ code: 'manifest-version' }),
  );
});

test('a byte changed, or the end cut off, is noticed without the key', () => {
  fc.assert(
    fc.property(fc.nat(sealed.length - 2), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bytes = Buffer.from(sealed);
      bytes[at] = (bytes[at] as number) ^ change;
      expect(() => parseStoredManifest(bytes)).toThrow();
      expect(() => parseStoredManifest(sealed.subarray(0, at))).toThrow(damaged);
    }),
  );
});
