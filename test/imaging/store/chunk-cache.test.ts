import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../../imaging/chunk/digest.ts';
import { encodeChunk } from '../../../imaging/chunk/stored-chunk.ts';
import { openCachedStore } from '../../../imaging/store/chunk-cache.ts';
import type { ChunkStore, StoredChunk } from '../../../imaging/store/chunk-store.ts';
import { openMemoryStore } from '../../../imaging/store/memory-store.ts';
import { noise } from '../../fixtures/disks.ts';
import { storeCountingGets } from '../../fixtures/fault-store.ts';
import { withTempDirectory } from '../../fixtures/temp-directory.ts';

type Counted = { readonly store: ChunkStore; readonly chunks: StoredChunk[]; gets: number };

/** A store of five incompressible chunks of 100,000 bytes that counts what is asked of it. */
async function fill(): Promise<Counted> {
  const memory = openMemoryStore();
  const chunks = [0, 1, 2, 3, 4].map((i) => {
    const bytes = noise(100_000, `${i}`);
    return { digest: digestOf(bytes), stored: encodeChunk(bytes) };
  });
  await memory.putChunks(chunks);
  const counted: Counted = { store: storeCountingGets(memory, () => counted.gets++), chunks, gets: 0 };
  return counted;
}

async function readAll(store: ChunkStore, chunks: readonly StoredChunk[]): Promise<void> {
  for (const { digest, stored } of chunks) expect(Buffer.compare(await store.getChunk(digest), stored)).toBe(0);
}

test('what was fetched once is not fetched again, by another process either', async () => {
  await withTempDirectory(async (directory) => {
    const counted = await fill();
    for (let run = 0; run < 2; run++) {
      const cached = await openCachedStore(counted.store, { directory, maxBytes: 2 ** 20 });
      await readAll(cached, counted.chunks);
      await readAll(cached, counted.chunks);
    }
    expect(counted.gets).toBe(5);
    expect(await (await openCachedStore(counted.store, { directory, maxBytes: 2 ** 20 })).findMissing(['0'])).toEqual([
      '0',
    ]);
  });
});

test('a file that is damaged, cut, exchanged or gone is fetched again', async () => {
  await withTempDirectory(async (directory) => {
    const counted = await fill();
    const cached = await openCachedStore(counted.store, { directory, maxBytes: 2 ** 20 });
    await readAll(cached, counted.chunks);
    const [flipped, cut, exchanged, gone] = counted.chunks.map(({ digest }) => path.join(directory, digest)) as [
      string,
      string,
      string,
      string,
    ];
    const bytes = await fs.readFile(flipped);
    bytes[5000] = (bytes[5000] ?? 0) ^ 1;
    await fs.writeFile(flipped, bytes);
    await fs.truncate(cut, 7);
    await fs.copyFile(gone, exchanged);
    await fs.rm(gone);
    await readAll(cached, counted.chunks);
    expect(counted.gets).toBe(9);
    await readAll(cached, counted.chunks);
    expect(counted.gets).toBe(9);
  });
});

test('it stays within its size, and what was used longest ago goes first', async () => {
  await withTempDirectory(async (directory) => {
    const counted = await fill();
    const maxBytes = 250_000;
    const cached = await openCachedStore(counted.store, { directory, maxBytes });
    const [a, b, c] = counted.chunks as [StoredChunk, StoredChunk, StoredChunk];
    await readAll(cached, [a, b, a, c]);
    expect((await fs.readdir(directory)).sort()).toEqual([a.digest, c.digest].sort());
    await fs.utimes(path.join(directory, a.digest), 1, 1);
    await readAll(await openCachedStore(counted.store, { directory, maxBytes: 120_000 }), [c]);
    expect(await fs.readdir(directory)).toEqual([c.digest]);
    expect(counted.gets).toBe(3);
  });
});

test('a cache without room costs nothing but the fetching', async () => {
  await withTempDirectory(async (directory) => {
    const counted = await fill();
    const cached = await openCachedStore(counted.store, { directory, maxBytes: 1000 });
    await readAll(cached, counted.chunks);
    await readAll(cached, counted.chunks);
    expect(counted.gets).toBe(10);
    const file = path.join(directory, 'file');
    await fs.writeFile(file, '');
    const opening = openCachedStore(counted.store, { directory: file, maxBytes: 1000 });
    await expect(opening).rejects.toMatchObject({ code: 'store-io' });
  });
});
