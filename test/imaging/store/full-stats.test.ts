import { expect, test } from 'vitest';
import { fullStats } from '../../../imaging/store/full-stats.ts';
import { openMemoryStore } from '../../../imaging/store/memory-store.ts';
import { chunkOf, tinyImage } from '../../conformance/store-conformance.ts';

test('what deleting an image would free is what no other image needs', async () => {
  const store = openMemoryStore();
  const contents = { one: chunkOf('a'), two: chunkOf('a'), three: chunkOf('b') };
  for (const [name, content] of Object.entries(contents)) {
    const { chunks, manifest } = tinyImage(name, content);
    await store.putChunks(chunks);
    await store.putManifest(name, manifest);
  }
  const garbage = chunkOf('garbage');
  await store.putChunks([garbage]);
  const sizeOf = (content: typeof garbage) =>
    tinyImage('x', content).chunks.reduce((sum, c) => sum + c.stored.length, 0);
  const [a, b] = [sizeOf(contents.one), sizeOf(contents.three)];
  expect(await fullStats(store)).toEqual({
    ...{ images: 3, chunks: 5, storedBytes: a + b + garbage.stored.length, logicalBytes: 3 * 65_536 },
    ...{ dedupRatio: (3 * 65_536) / (a + b), sharedBytes: a, unreferencedBytes: garbage.stored.length, damaged: [] },
    perImage: [
      { name: 'one', usedBytes: 65_536, uniqueBytes: 0 },
      { name: 'two', usedBytes: 65_536, uniqueBytes: 0 },
      { name: 'three', usedBytes: 65_536, uniqueBytes: b },
    ],
  });
});
