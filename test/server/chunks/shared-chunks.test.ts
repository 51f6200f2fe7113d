import { expect, it } from 'vitest';
import { DeployError } from '../../../protocol/errors.ts';
import { SharedChunks } from '../../../server/chunks/shared-chunks.ts';

/** A store that counts, and fails where it is told to. */
function countingStore(bytes: number) {
  const asked: string[] = [];
  const failing = new Set<string>();
  const getChunk = async (digest: string) => {
    asked.push(digest);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (failing.delete(digest)) throw new DeployError('store-io', 'it failed');
    return Buffer.alloc(bytes, digest);
  };
  return { asked, failing, getChunk };
}

it('reads a chunk once for all who ask within a moment, and anew after that', async () => {
  const store = countingStore(1000);
  let nowMs = 0;
  const chunks = new SharedChunks(store, 10_000, () => nowMs);
  const all = await Promise.all(Array.from({ length: 20 }, () => chunks.get('a')));
  expect(new Set(all).size).toBe(1);
  await chunks.get('a');
  expect(store.asked).toEqual(['a']);
  nowMs = 30_001;
  await chunks.get('a');
  expect(store.asked).toEqual(['a', 'a']);
});

it('keeps no more than it may, and no failure', async () => {
  const store = countingStore(1000);
  const chunks = new SharedChunks(store, 2500);
  for (const digest of ['a', 'b', 'c', 'b', 'c', 'a']) await chunks.get(digest);
  expect(store.asked).toEqual(['a', 'b', 'c', 'a']);
  store.failing.add('d');
  const both = await Promise.allSettled([chunks.get('d'), chunks.get('d')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect((await chunks.get('d')).length).toBe(1000);
  expect(store.asked).toEqual(['a', 'b', 'c', 'a', 'd', 'd']);
});
