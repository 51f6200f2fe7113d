import { expect, test } from 'vitest';
import { openMemoryStore } from '../../../imaging/store/memory-store.ts';
import { planPrune, prune } from '../../../imaging/store/prune-images.ts';
import { chunkOf, tinyImage } from '../../conformance/store-conformance.ts';

const days = ['2026-11-20', '2026-11-21', '2026-11-22'].map((day) => `${day}T10:00:00.000Z`);

/** Three images of each of three disks: one has a serial number, one only a disk id, one nothing but its name. */
async function storeOfThreeDisks() {
  const store = openMemoryStore();
  const content = chunkOf('x');
  const disks = { s: { serial: 'S3X1', diskId: 'same' }, d: { diskId: 'same' }, n: {} };
  for (const [prefix, from] of Object.entries(disks)) {
    for (const [i, createdAt] of days.entries()) {
      const { chunks, manifest } = tinyImage(`${prefix}${i}`, content, { ...from, createdAt });
      await store.putChunks(chunks);
      await store.putManifest(`${prefix}${i}`, manifest);
    }
  }
  const names = async () => (await store.listManifests()).map(({ name }) => name);
  return { store, names };
}

test('images are judged disk by disk, and the newest of every disk stays', async () => {
  const { store, names } = await storeOfThreeDisks();
  const plan = await planPrune(store, { policy: { last: 1 }, groupBy: 'disk' });
  expect(plan.groups.map(({ group, keep, remove }) => [group, keep.length, remove.length])).toEqual([
    ['disk id same', 1, 2],
    ['test', 1, 2],
    ['serial S3X1', 1, 2],
  ]);
  expect(await names()).toHaveLength(9);
  await prune(store, plan);
  expect(await names()).toEqual(['d2', 'n2', 's2']);
});

test('all images may be judged together, and those whose name does not fit are left alone', async () => {
  const { store, names } = await storeOfThreeDisks();
  const plan = await planPrune(store, { policy: { daily: 1 }, groupBy: 'none', match: '?1' });
  expect(plan.groups).toMatchObject([{ group: 'all images', keep: [{ reasons: ['daily 2026-11-21'] }] }]);
  await prune(store, plan);
  expect(await names()).toHaveLength(7);
  expect(await names()).toEqual(expect.arrayContaining(['d0', 'd2', 'n0', 'n2', 's0', 's2']));
});

test('an image that was put under the name of one that the plan deletes stays', async () => {
  const { store, names } = await storeOfThreeDisks();
  const plan = await planPrune(store, { policy: { last: 1 }, groupBy: 'disk', match: 's*' });
  await store.deleteManifest('s0');
  await store.deleteManifest('s1');
  await store.putManifest('s0', tinyImage('s0', chunkOf('x')).manifest);
  await prune(store, plan);
  expect(await names()).toEqual(expect.arrayContaining(['s0', 's2']));
  expect(await names()).not.toContain('s1');
});

test('what a restore saved for undo is no image of a disk: it pushes none out and stays', async () => {
  const { store, names } = await storeOfThreeDisks();
  const saved = tinyImage('undo/later', chunkOf('x'), { serial: 'S3X1', createdAt: '2026-11-23T10:00:00.000Z' });
  await store.putManifest('undo/later', saved.manifest);
  await prune(store, await planPrune(store, { policy: { last: 1 }, groupBy: 'disk' }));
  expect(await names()).toEqual(['d2', 'n2', 's2', 'undo/later']);
});
