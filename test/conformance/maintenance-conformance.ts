// What every store that can be looked after must do, whatever it is made of: one suite that each of them passes.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChunkStore, StoredChunk } from '../../imaging/store/chunk-store.ts';
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { maintenanceOf, type StoreMaintenance } from '../../imaging/store/store-maintenance.ts';
import { chunkOf, type StoreUnderTest, tinyImage } from './store-conformance.ts';

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const digestsOf = (chunks: readonly { readonly digest: string }[]) => chunks.map(({ digest }) => digest).sort();

export function maintenanceConformance(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} can be looked after`, () => {
    let under: StoreUnderTest;
    let store: ChunkStore;
    let maintenance: StoreMaintenance;
    const [a, b, c] = [chunkOf('a'), chunkOf('b'), chunkOf('c')];
    const abc = [a, b, c].map(({ digest }) => digest);
    beforeEach(async () => {
      under = await make();
      store = await under.open();
      maintenance = maintenanceOf(store);
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
      return digestsOf(chunks);
    };
    const listed = async () => digestsOf(await all(maintenance.listChunks()));

    test('chunks are listed once each, with their size and a time by the clock of the store', async () => {
      const beforeMs = await maintenance.readClock();
      await store.putChunks([a, b, c]);
      const afterMs = await maintenance.readClock();
      const chunks = await all(maintenance.listChunks());
      expect(digestsOf(chunks)).toEqual([...abc].sort());
      for (const { digest, storedBytes, modifiedMs } of chunks) {
        expect(storedBytes).toBe([a, b, c].find((chunk) => chunk.digest === digest)?.stored.length);
        // Clocks of object stores tell whole seconds.
        expect(modifiedMs).toBeGreaterThanOrEqual(Math.floor(beforeMs / 1000) * 1000);
        expect(modifiedMs).toBeLessThanOrEqual(Math.ceil(afterMs / 1000) * 1000);
      }
    });

    test('what is not selected is not listed, and every digest is offered once', async () => {
      await store.putChunks([a, b, c]);
      const offered: string[] = [];
      const select = (digest: string) => {
        offered.push(digest);
        return digest === b.digest;
      };
      expect(digestsOf(await all(maintenance.listChunks({ select })))).toEqual([b.digest]);
      expect(offered.sort()).toEqual([...abc].sort());
    });

    test('manifests are read as they are; none stays announced when its image is there or was refused', async () => {
      await putImage('one', a);
      const bytes = await store.getManifest('one');
      await expect(store.putManifest('two', tinyImage('two', b).manifest)).rejects.toMatchObject({
        code: 'chunk-not-found',
      });
      expect(await all(maintenance.readManifests())).toMatchObject([{ announced: false, bytes }]);
      expect(await all(maintenance.listLeftOver())).toEqual([]);
    });

    test('a chunk in quarantine is missing but can be read, until it is given back', async () => {
      await store.putChunks([a, b]);
      const quarantine = maintenance.openQuarantine();
      const taken = await quarantine.take([a.digest, c.digest]);
      expect(taken).toMatchObject([{ digest: a.digest, storedBytes: a.stored.length }]);
      await quarantine.settle();
      expect(await store.findMissing(abc)).toEqual([a.digest, c.digest]);
      expect(await listed()).toEqual([b.digest]);
      expect(Buffer.compare(await store.getChunk(a.digest), a.stored)).toBe(0);
      await quarantine.giveBack([a.digest, c.digest]);
      expect(await store.findMissing(abc)).toEqual([c.digest]);
      expect(await listed()).toEqual(digestsOf([a, b]));
    });

    test('a chunk that is destroyed is gone, and one that was put anew meanwhile stays', async () => {
      await store.putChunks([a, b]);
      const quarantine = maintenance.openQuarantine();
      await quarantine.take([a.digest, b.digest]);
      await store.putChunks([b]);
      await quarantine.destroy([a.digest, b.digest, c.digest]);
      await expect(store.getChunk(a.digest)).rejects.toMatchObject({ code: 'chunk-not-found' });
      expect(Buffer.compare(await store.getChunk(b.digest), b.stored)).toBe(0);
      expect(await listed()).toEqual([b.digest]);
    });

    test('a chunk that is given back after it was put anew is there once', async () => {
      await store.putChunks([a]);
      const quarantine = maintenance.openQuarantine();
      await quarantine.take([a.digest]);
      await store.putChunks([a]);
      await quarantine.giveBack([a.digest]);
      expect(await listed()).toEqual([a.digest]);
      await quarantine.destroy([a.digest]);
      expect(await store.findMissing([a.digest])).toEqual([]);
    });

    test('what a dead collector left in quarantine is taken over, and is no longer its to destroy', async () => {
      await store.putChunks([a, b]);
      const dead = maintenance.openQuarantine();
      await dead.take([a.digest, b.digest]);
      const heir = maintenance.openQuarantine();
      expect(digestsOf(await all(heir.adopt()))).toEqual(digestsOf([a, b]));
      await dead.destroy([a.digest]);
      await heir.giveBack([a.digest]);
      await heir.destroy([b.digest]);
      expect(await store.findMissing(abc)).toEqual([b.digest, c.digest]);
      expect(await all(maintenance.openQuarantine().adopt())).toEqual([]);
    });

    test('a chunk that was set aside is missing and cannot be read until it is put again', async () => {
      await store.putChunks([a, b]);
      await maintenance.setAside([a.digest, c.digest]);
      expect(await store.findMissing(abc)).toEqual([a.digest, c.digest]);
      await expect(store.getChunk(a.digest)).rejects.toMatchObject({ code: 'chunk-not-found' });
      expect(await listed()).toEqual([b.digest]);
      await expect(maintenance.getSetAside(b.digest)).rejects.toMatchObject({ code: 'chunk-not-found' });
      await store.putChunks([a]);
      expect(Buffer.compare(await store.getChunk(a.digest), a.stored)).toBe(0);
      expect(Buffer.compare(await maintenance.getSetAside(a.digest), a.stored)).toBe(0);
      const aside = await all(maintenance.listSetAside());
      expect(aside).toMatchObject([{ digest: a.digest, storedBytes: a.stored.length }]);
      await maintenance.deleteSetAside([a.digest, c.digest]);
      expect(await all(maintenance.listSetAside())).toEqual([]);
      expect(await listed()).toEqual(digestsOf([a, b]));
    });

    test('a chunk that is put again takes the place of what was there', async () => {
      await store.putChunks([{ digest: a.digest, stored: Buffer.from('damaged') }]);
      await store.putChunks([a]);
      expect(Buffer.compare(await store.getChunk(a.digest), a.stored)).toBe(0);
    });

    test('garbage collection frees what no image needs, and all of an image that was deleted', async () => {
      const kept = await putImage('kept', a);
      await putImage('deleted', b);
      await store.putChunks([c]);
      await store.deleteManifest('deleted');
      const soon = { olderThanMs: -60_000 };
      expect(await collectGarbage(store, { ...soon, dryRun: true })).toMatchObject({ chunks: 3, kept: 2 });
      expect(await listed()).toHaveLength(5);
      expect(await collectGarbage(store, { ...soon, dryRun: false })).toMatchObject({ chunks: 3, kept: 2 });
      expect(await listed()).toEqual(kept);
      expect(await collectGarbage(store, { ...soon, dryRun: false })).toMatchObject({ chunks: 0, bytes: 0, kept: 2 });
    });

    test('garbage collection spares what was put or asked for within the time given', async () => {
      await store.putChunks([a]);
      const options = { olderThanMs: 3_600_000, dryRun: false };
      expect(await collectGarbage(store, options)).toMatchObject({ chunks: 0, kept: 1 });
      expect(await listed()).toEqual([a.digest]);
    });

    test('garbage collection goes on where one that died had stopped', async () => {
      const kept = await putImage('kept', a);
      await store.putChunks([b, c]);
      await maintenance.openQuarantine().take([b.digest, ...kept]);
      const result = await collectGarbage(store, { olderThanMs: -60_000, dryRun: false });
      expect(result).toMatchObject({ chunks: 2 });
      expect(await listed()).toEqual(kept);
    });
  });
}
