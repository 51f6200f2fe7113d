// What every store must do, whatever it is made of: one suite that each of them passes.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../imaging/chunk/digest.ts';
import { makePatch } from '../../imaging/chunk/slot-patch.ts';
import { encodeChunk } from '../../imaging/chunk/stored-chunk.ts';
import { makeDataKey } from '../../imaging/crypt/data-key.ts';
import { fileSecret } from '../../imaging/crypt/secret.ts';
import { wrapKey } from '../../imaging/crypt/wrap-key.ts';
import { openImageReader } from '../../imaging/image-reader.ts';
import { parseManifest, sealManifest } from '../../imaging/manifest/manifest.ts';
import { encodePatchList } from '../../imaging/manifest/patch-list.ts';
import { encodeSegment } from '../../imaging/manifest/segment.ts';
import type { ChunkStore, Digest, StoredChunk } from '../../imaging/store/chunk-store.ts';

/** `open` makes an empty store; `dispose` takes away what it stands on, after the suite has closed it. */
export type StoreUnderTest = {
  open(): Promise<ChunkStore>;
  dispose(): Promise<void>;
  /** What keeps chunks in another form than they are put in stores other lengths of more chunks. */
  readonly reshapes?: true;
};

const chunkSizeBytes = 65_536;
const fileKey = fileSecret(Buffer.alloc(32, 7));
type Wrapped = Awaited<ReturnType<typeof wrapKey>>;

/** A chunk that holds `text` over and over. */
export function chunkOf(text: string): StoredChunk {
  const bytes = Buffer.alloc(chunkSizeBytes, text);
  return { digest: digestOf(bytes), stored: encodeChunk(bytes) };
}

/** An image of one chunk: what has to be stored before its manifest, and the manifest. */
export function tinyImage(
  name: string,
  content: StoredChunk,
  from: {
    createdAt?: string;
    serial?: string | null;
    diskId?: string | null;
    patches?: Digest;
    parentId?: string;
  } = {},
): { chunks: StoredChunk[]; manifest: Buffer } {
  const used = [{ startBytes: 0, lengthBytes: chunkSizeBytes }];
  const slots = [{ index: 0, digest: content.digest, used }];
  const segment = encodeSegment({ lengthBytes: chunkSizeBytes, chunkSizeBytes, slots });
  const index = { digest: digestOf(segment), stored: encodeChunk(segment) };
  const { bytes } = sealManifest({
    ...{ id: crypto.randomUUID(), name, createdAt: from.createdAt ?? '2026-11-22T20:00:00.000Z', toolVersion: '0.1.0' },
    source: { label: 'test', model: null, serial: from.serial ?? null },
    geometry: { sizeBytes: chunkSizeBytes, sectorSizeBytes: 512, table: 'none', diskId: from.diskId ?? null },
    ...{ partitions: [], tableSectors: [], warnings: [] },
    parent: from.parentId === undefined ? null : { id: from.parentId, name: 'before', rootDigest: content.digest },
    ...(from.patches === undefined ? {} : { patches: from.patches }),
    ...{ chunkSizeBytes, usedBytes: chunkSizeBytes, usedEndBytes: chunkSizeBytes, segments: [index.digest] },
  });
  return { chunks: [content, index], manifest: bytes };
}

/** An image of one slot that is stored as a patch: what has to be stored, the slot, and the manifest. */
function patchedImage(name: string): { parts: StoredChunk[]; slot: Buffer; manifest: Buffer } {
  const base = Buffer.alloc(chunkSizeBytes, 'base');
  const slot = Buffer.from(base);
  slot.write('changed', 40_000);
  const patch = makePatch(base, slot) as Buffer;
  const entry = { base: digestOf(base), patch: digestOf(patch) };
  const list = encodePatchList(new Map([[digestOf(slot), entry]]));
  const { chunks, manifest } = tinyImage(name, { digest: digestOf(slot), stored: slot }, { patches: digestOf(list) });
  const parts = [base, patch, list].map((bytes) => ({ digest: digestOf(bytes), stored: encodeChunk(bytes) }));
  return { parts: [...chunks.slice(1), ...parts], slot, manifest };
}

export function storeConformance(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the contract of a store`, () => {
    let under: StoreUnderTest;
    let store: ChunkStore;
    beforeEach(async () => {
      under = await make();
      store = await under.open();
    });
    afterEach(async () => {
      await store.close();
      await under.dispose();
    });
    const putImage = async (imageName: string, content: StoredChunk) => {
      const { chunks, manifest } = tinyImage(imageName, content);
      await store.putChunks(chunks);
      await store.flush();
      await store.putManifest(imageName, manifest);
      return manifest;
    };

    test('a chunk put is a chunk got, byte for byte', async () => {
      const chunk = chunkOf('one');
      await store.putChunks([chunk]);
      expect(Buffer.compare(await store.getChunk(chunk.digest), chunk.stored)).toBe(0);
    });

    test('missing chunks are named in the order asked', async () => {
      const [a, b, c] = [chunkOf('a'), chunkOf('b'), chunkOf('c')];
      await store.putChunks([b]);
      expect(await store.findMissing([c.digest, b.digest, a.digest])).toEqual([c.digest, a.digest]);
      expect(await store.findMissing([])).toEqual([]);
    });

    test('a chunk that is not there is chunk-not-found', async () => {
      await expect(store.getChunk('0'.repeat(64))).rejects.toMatchObject({ code: 'chunk-not-found' });
    });

    test('putting the same chunks again, also at the same time, changes nothing', async () => {
      const chunks = Array.from({ length: 20 }, (_, i) => chunkOf(`chunk ${i}`));
      await Promise.all([store.putChunks(chunks), store.putChunks(chunks), store.putChunks(chunks.toReversed())]);
      await store.putChunks(chunks);
      expect((await store.stats()).chunks).toBe(20);
      expect(await store.findMissing(chunks.map(({ digest }) => digest))).toEqual([]);
    });

    test('an image is not there until its manifest is put, and then is what was put', async () => {
      await expect(store.getManifest('one')).rejects.toMatchObject({ code: 'image-not-found' });
      const manifest = await putImage('one', chunkOf('one'));
      expect(Buffer.compare(await store.getManifest('one'), manifest)).toBe(0);
    });

    test('a name that is taken stays what it was', async () => {
      const first = await putImage('one', chunkOf('one'));
      await expect(putImage('one', chunkOf('two'))).rejects.toMatchObject({ code: 'image-exists' });
      expect(Buffer.compare(await store.getManifest('one'), first)).toBe(0);
    });

    test('of two captures that end under one name at once, one wins', async () => {
      const images = [tinyImage('one', chunkOf('one')), tinyImage('one', chunkOf('two'))];
      for (const { chunks } of images) await store.putChunks(chunks);
      await store.flush();
      const outcomes = await Promise.allSettled(images.map(({ manifest }) => store.putManifest('one', manifest)));
      const lost = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(lost).toHaveLength(1);
      expect(lost[0]?.reason).toMatchObject({ code: 'image-exists' });
    });

    test('a manifest whose chunk or segment is missing is refused and stays invisible', async () => {
      const { chunks, manifest } = tinyImage('one', chunkOf('one'));
      await expect(store.putManifest('one', manifest)).rejects.toMatchObject({ code: 'chunk-not-found' });
      await store.putChunks(chunks.slice(1));
      await expect(store.putManifest('one', manifest)).rejects.toMatchObject({ code: 'chunk-not-found' });
      expect(await store.listManifests()).toEqual([]);
    });

    test('an image in patches is refused while its base, patch or list is missing, and reads as its slot once it is not', async () => {
      const { parts, slot, manifest } = patchedImage('patched');
      for (const part of parts) {
        await expect(store.putManifest('patched', manifest)).rejects.toMatchObject({ code: 'chunk-not-found' });
        await store.putChunks([part]);
      }
      await store.flush();
      await store.putManifest('patched', manifest);
      const reader = openImageReader(store, parseManifest(await store.getManifest('patched')));
      expect((await reader.read(0, slot.length)).equals(slot)).toBe(true);
    });

    test('bytes that are no manifest, or bear another name, are refused', async () => {
      await expect(store.putManifest('one', Buffer.from('{}'))).rejects.toMatchObject({ code: 'manifest-corrupt' });
      const { chunks, manifest } = tinyImage('two', chunkOf('two'));
      await store.putChunks(chunks);
      await expect(store.putManifest('one', manifest)).rejects.toMatchObject({ code: 'invalid-input' });
      expect(await store.listManifests()).toEqual([]);
    });

    test('images are listed in order of name, whatever their script', async () => {
      const names = ['教室', 'b', 'a/../b', 'ä', '%2e%2e'];
      for (const imageName of names) await putImage(imageName, chunkOf('same'));
      const listed = await store.listManifests();
      expect(listed.map((entry) => entry.name)).toEqual([...names].sort());
      expect(listed[0]).toMatchObject({ sizeBytes: chunkSizeBytes, createdAt: '2026-11-22T20:00:00.000Z' });
    });

    test('an image in the list names its parent by id, unless it is encrypted', async () => {
      const parentId = crypto.randomUUID();
      const { chunks, manifest } = tinyImage('after', chunkOf('after'), { parentId });
      await store.putChunks(chunks);
      await store.putManifest('after', manifest);
      await putImage('first', chunkOf('first'));
      const [after, first] = await store.listManifests();
      expect(after?.parentId).toBe(after?.keyId === undefined ? parentId : undefined);
      expect(first).not.toHaveProperty('parentId');
    });

    test('a deleted image is gone, and its name free', async () => {
      await putImage('one', chunkOf('one'));
      await store.deleteManifest('one');
      await expect(store.getManifest('one')).rejects.toMatchObject({ code: 'image-not-found' });
      await expect(store.deleteManifest('one')).rejects.toMatchObject({ code: 'image-not-found' });
      await putImage('one', chunkOf('two'));
      expect((await store.listManifests()).map((entry) => entry.name)).toEqual(['one']);
    });

    test('a wrapped key put is a key listed, and one deleted is gone', async () => {
      const before = await store.listKeys();
      const dataKey = makeDataKey();
      const keys = await Promise.all(['one', 'two'].map((label) => wrapKey(dataKey, fileKey, label)));
      for (const { id, bytes } of [...keys, ...keys]) await store.putKey(id, bytes);
      const inOrder = keys.toSorted((a, b) => (a.id < b.id ? -1 : 1)) as [Wrapped, Wrapped];
      const added = async () => (await store.listKeys()).filter((key) => !before.some((old) => old.equals(key)));
      expect(await added()).toEqual(inOrder.map(({ bytes }) => bytes));
      await expect(store.deleteKey('0'.repeat(32))).rejects.toMatchObject({ code: 'key-not-found' });
      await store.deleteKey(inOrder[0].id);
      expect(await added()).toEqual([inOrder[1].bytes]);
    });

    test('bytes that are no key, or bear another id, are refused', async () => {
      const before = await store.listKeys();
      const { id, bytes } = await wrapKey(makeDataKey(), fileKey, 'one');
      await expect(store.putKey(id, Buffer.from('{}'))).rejects.toMatchObject({ code: 'key-corrupt' });
      await expect(store.putKey('0'.repeat(32), bytes)).rejects.toMatchObject({ code: 'invalid-input' });
      await expect(store.putKey('../escape', bytes)).rejects.toMatchObject({ code: 'invalid-input' });
      expect(await store.listKeys()).toEqual(before);
    });

    test('stats count images, chunks and their stored bytes', async () => {
      const { chunks } = tinyImage('one', chunkOf('one'));
      await putImage('one', chunkOf('one'));
      const storedBytes = chunks.reduce((sum, { stored }) => sum + stored.length, 0);
      const stats = await store.stats();
      if (under.reshapes) {
        expect(stats).toMatchObject({ images: 1, chunks: 3 });
        expect(stats.storedBytes).toBeGreaterThan(storedBytes);
        return;
      }
      expect(stats).toMatchObject({ images: 1, chunks: 2 });
      // The manifest's own digest differs from image to image, its chunks do not.
      expect(stats.storedBytes).toBe(storedBytes);
    });
  });
}
