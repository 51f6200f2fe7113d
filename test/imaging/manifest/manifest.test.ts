import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../../imaging/manifest/canonical-json.ts';
import { imageNameId, normalizeImageName } from '../../../imaging/manifest/image-name.ts';
import { type ManifestDraft, parseManifest, sealManifest } from '../../../imaging/manifest/manifest.ts';

const draft: ManifestDraft = {
  id: '3f0e4b6a-5f0c-4a52-9a4b-0d5f6f6b2c11',
  name: 'web-01 日本語',
  createdAt: '2026-11-22T20:00:00.000Z',
  toolVersion: '0.1.0',
  source: { label: '/dev/sda', model: 'QEMU HARDDISK', serial: '42' },
  geometry: { sizeBytes: 2 ** 20, sectorSizeBytes: 512, table: 'none', diskId: null },
  partitions: [],
  tableSectors: [{ offsetBytes: 0, base64: Buffer.alloc(512, 7).toString('base64') }],
  chunkSizeBytes: 2 ** 20,
  usedBytes: 4096,
  usedEndBytes: 8192,
  segments: ['ab'.repeat(32)],
  parent: null,
  warnings: [],
};

test('parsing what was sealed gives back the manifest', () => {
  const { manifest, bytes } = sealManifest(draft);
  expect(parseManifest(bytes)).toEqual(manifest);
  expect(manifest).toMatchObject(draft);
});

test('a manifest that is nested to exhaust the stack is refused like any damaged one', () => {
  const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`;
  const bytes = Buffer.from(`{"format":"deploy-os-image","version":1,"manifestDigest":"","deep":${deep}}`);
  expect(() => parseManifest(bytes)).toThrow(expect.objectContaining({ code: 'manifest-corrupt' }));
});

test('the root digest tells content apart and nothing else', () => {
  const root = (change: Partial<ManifestDraft>) => sealManifest({ ...draft, ...change }).manifest.rootDigest;
  expect(root({ name: 'other', warnings: ['x'] })).toBe(root({}));
  expect(root({ segments: [null] })).not.toBe(root({}));
  expect(root({ geometry: { ...draft.geometry, sizeBytes: 2 ** 21 } })).not.toBe(root({}));
});

test('a manifest with any one byte changed is refused', () => {
  const { bytes } = sealManifest(draft);
  fc.assert(
    fc.property(fc.nat(bytes.length - 2), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(bytes);
      damaged[at] = (damaged[at] as number) ^ change;
      expect(() => parseManifest(damaged)).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^manifest-(corrupt|version)$/) }),
      );
    }),
    { numRuns: 500 },
  );
});

test('a manifest cut anywhere is refused as manifest-corrupt', () => {
  const { bytes } = sealManifest(draft);
  for (let length = 0; length < bytes.length - 1; length++) {
    expect(() => parseManifest(bytes.subarray(0, length))).toThrow(
      expect.objectContaining({ code: 'manifest-corrupt' }),
    );
  }
});

test('a later version is refused as manifest-version, and says which', () => {
  const later = Buffer.from(canonicalJson({ format: 'deploy-os-image', version: 3 }));
  expect(() => parseManifest(later)).toThrow(expect.objectContaining({ code: 'manifest-version' }));
});

describe('facts that contradict each other are refused', () => {
  test.each([
    ['more segments than the disk has', { segments: ['ab'.repeat(32), null] }],
    ['used bytes beyond the end', { usedEndBytes: 2 ** 21 }],
    ['a chunk size that does not divide a segment', { chunkSizeBytes: 100_000 }],
    ['a table sector beyond the end', { tableSectors: [{ offsetBytes: 2 ** 20, base64: 'AAAA' }] }],
    ['a size that is no whole sector', { geometry: { ...draft.geometry, sizeBytes: 1000 } }],
  ])('%s', (_, change) => {
    expect(() => sealManifest({ ...draft, ...change })).toThrow(expect.objectContaining({ code: 'manifest-corrupt' }));
  });
});

describe('names', () => {
  test('that look the same are the same image', () => {
    expect(imageNameId('Caf\u00e9')).toBe(imageNameId('Cafe\u0301'));
  });
  test('of any script are kept, and never become a path', () => {
    expect(normalizeImageName('../../etc/passwd')).toBe('../../etc/passwd');
    expect(imageNameId('../../etc/passwd')).toMatch(/^[0-9a-f]{32}$/);
    expect(normalizeImageName('教室の机 🖥️')).toBe('教室の机 🖥️');
  });
  test.each(['', ' a', 'a ', 'a\nb', 'a\0b', 'x'.repeat(256), '\ud800'])('%j is refused', (name) => {
    expect(() => normalizeImageName(name)).toThrow(expect.objectContaining({ code: 'invalid-input' }));
  });
});
