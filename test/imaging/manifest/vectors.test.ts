// The committed vectors of docs/format.md: what is stored today is read forever.
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { applyPatch, makePatch } from '../../../imaging/chunk/slot-patch.ts';
import { decodeChunk } from '../../../imaging/chunk/stored-chunk.ts';
import { parseManifest, sealManifest } from '../../../imaging/manifest/manifest.ts';
import { encodePatchList, readPatchList } from '../../../imaging/manifest/patch-list.ts';
import { encodeSegment, readSlots, type Segment } from '../../../imaging/manifest/segment.ts';

type Vectors = {
  chunks: { name: string; lengthBytes: number; digest: string; storedHex: string }[];
  segment: Segment & { hex: string; digest: string };
  patch: { digest: string; base: string; patch: string; hex: string };
  patchList: { hex: string; digest: string };
  manifest: { text: string; rootDigest: string; manifestDigest: string };
};

const file = path.join(import.meta.dirname, '../../fixtures/format/vectors.json');
const { chunks, segment, patch, patchList, manifest } = JSON.parse(fs.readFileSync(file, 'utf8')) as Vectors;

test.each(chunks)('the stored chunk $name decodes to the bytes that its digest names', (chunk) => {
  const bytes = decodeChunk(chunk.digest, Buffer.from(chunk.storedHex, 'hex'));
  expect(bytes.length).toBe(chunk.lengthBytes);
  expect(Buffer.from(bytes).toString().startsWith('deploy-os')).toBe(true);
});

test('the segment encodes to the committed bytes and reads back', () => {
  expect(encodeSegment(segment).toString('hex')).toBe(segment.hex);
  const bytes = Buffer.from(segment.hex, 'hex');
  expect(digestOf(bytes)).toBe(segment.digest);
  expect([...readSlots(bytes, segment)]).toEqual(segment.slots);
});

test('the patch makes the slot out of its base, and is made again; so is the list that names it', () => {
  const stored = chunks.find(({ digest }) => digest === patch.base)?.storedHex ?? '';
  const base = decodeChunk(patch.base, Buffer.from(stored, 'hex'));
  const slot = Buffer.from(base);
  expect(applyPatch(slot, Buffer.from(patch.hex, 'hex'))).toEqual([{ startBytes: 61_440, lengthBytes: 4096 }]);
  expect(digestOf(slot)).toBe(patch.digest);
  expect(makePatch(base, slot)?.toString('hex')).toBe(patch.hex);
  const list = new Map([[patch.digest, { base: patch.base, patch: patch.patch }]]);
  expect(readPatchList(Buffer.from(patchList.hex, 'hex'))).toEqual(list);
  expect(encodePatchList(list).toString('hex')).toBe(patchList.hex);
});

test('the manifest parses, and seals to the committed bytes', () => {
  const parsed = parseManifest(Buffer.from(manifest.text));
  expect(parsed).toMatchObject({ rootDigest: manifest.rootDigest, manifestDigest: manifest.manifestDigest });
  const { format, version, segmentSizeBytes, rootDigest, manifestDigest, ...draft } = parsed;
  expect(sealManifest(draft).bytes.toString()).toBe(manifest.text);
});
