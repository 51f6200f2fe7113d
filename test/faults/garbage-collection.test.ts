// Garbage collection beside captures and beside itself: nothing is lost that was reported as kept, whatever comes first and whatever the clocks say.
import fs from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import type { ChunkStore } from '../../imaging/store/chunk-store.ts';
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { type DirectoryStore, openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { DeployError } from '../../protocol/errors.ts';
import { chunkOf, tinyImage } from '../conformance/store-conformance.ts';
import { seededRandom, withShuffledFiles } from '../fixtures/shuffled-files.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

afterEach(() => void vi.useRealTimers());

const hourMs = 3_600_000;
const images = ['a', 'b', 'c', 'd'].map((name) => ({ name, ...tinyImage(name, chunkOf(name)) }));

/** What a capture does to its store: asks, sends what is missing, and ends. Answers the code of what refused it, or `kept`. */
async function capture(store: ChunkStore, { name, chunks, manifest }: (typeof images)[0]): Promise<string> {
  try {
    const missing = new Set(await store.findMissing(chunks.map(({ digest }) => digest)));
    await store.putChunks(chunks.filter(({ digest }) => missing.has(digest)));
    await store.flush();
    await store.putManifest(name, manifest);
    return 'kept';
  } catch (thrown) {
    if (thrown instanceof DeployError) return thrown.code;
    throw thrown;
  }
}

async function collect(store: ChunkStore, olderThanMs: number): Promise<number> {
  try {
    return (await collectGarbage(store, { olderThanMs, dryRun: false })).chunks;
  } catch (thrown) {
    // It may meet a manifest that is just being refused: then it deletes nothing.
    if (thrown instanceof DeployError && thrown.code === 'chunk-not-found') return 0;
    throw thrown;
  }
}

/** Everything is there, and nothing needs it: what deleted images left. */
async function leaveOnlyGarbage(store: ChunkStore): Promise<void> {
  for (const { name } of await store.listManifests()) await store.deleteManifest(name);
  await store.putChunks(images.flatMap(({ chunks }) => chunks));
}

const garbage = chunkOf('garbage');

async function isWhole(store: ChunkStore, { chunks }: (typeof images)[0]): Promise<boolean> {
  return (await store.findMissing(chunks.map(({ digest }) => digest))).length === 0;
}

test('images that were put beside two collectors are whole, over many orders of their steps and jumps of the clock', async () => {
  await withTempDirectory(async (directory) => {
    const open = () => openDirectoryStore(directory, { create: true });
    const store = await open();
    await keepOnlyUsedFanOut(store, directory);
    // Each of them a program of its own; they are used again and again because each has threads.
    const collectors = [await open(), await open()];
    const capturers = new Map(await Promise.all(images.map(async (image) => [image, await open()] as const)));
    const outcomes: string[] = [];
    let collected = 0;
    let seed = 0;
    // The threads of the stores take part in the order, so that a capture is not refused in the same round each time: it goes on until one was.
    for (; seed < rounds || (seed < 20 * rounds && !outcomes.includes('chunk-not-found')); seed++) {
      const random = seededRandom(seed);
      await leaveOnlyGarbage(store);
      vi.useFakeTimers({ toFake: ['Date'] });
      const jump = () => {
        if (random() < 0.02) vi.setSystemTime(Date.now() + (random() - 0.5) * 96 * hourMs);
      };
      const kept: string[] = [];
      await withShuffledFiles(random, jump, async () => {
        const ages = [-hourMs, random() < 0.5 ? -hourMs : 0];
        const collecting = collectors.map(async (collector, i) => {
          collected += await collect(collector, ages[i] as number);
        });
        const capturing = [...capturers].map(async ([image, capturer]) => {
          // Each begins at another moment of the collection.
          for (let steps = Math.floor(random() * 60); steps > 0; steps--) await fs.stat(directory);
          const outcome = await capture(capturer, image);
          outcomes.push(outcome);
          if (outcome === 'kept') kept.push(image.name);
        });
        await Promise.all([...collecting, ...capturing]);
      });
      vi.useRealTimers();
      expect((await store.listManifests()).map(({ name }) => name)).toEqual(kept.sort());
      for (const image of images.filter(({ name }) => kept.includes(name))) {
        expect(await isWhole(store, image), `'${image.name}' with seed ${seed}`).toBe(true);
      }
    }
    for (const opened of [store, ...collectors, ...capturers.values()]) await opened.close();
    // Else nothing was at stake.
    expect(collected).toBeGreaterThan(rounds);
    expect(outcomes.filter((outcome) => outcome === 'kept').length).toBeGreaterThan(rounds);
    expect(outcomes.filter((outcome) => outcome === 'chunk-not-found').length).toBeGreaterThan(0);
    expect(new Set(outcomes)).toEqual(new Set(['kept', 'chunk-not-found']));
  });
});

test('captures of old chunks are never refused beside a collector that spares what was asked for within a day', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    await keepOnlyUsedFanOut(store, directory);
    for (let seed = 0; seed < 10; seed++) {
      const random = seededRandom(seed);
      await leaveOnlyGarbage(store);
      await store.putChunks([garbage]);
      const twoDaysAgo = new Date(Date.now() - 48 * hourMs);
      const all = [garbage, ...images.flatMap(({ chunks }) => chunks)];
      for (const { digest } of all) await fs.utimes(store.chunkPath(digest), twoDaysAgo, twoDaysAgo);
      const found: string[][] = [];
      await withShuffledFiles(random, noJump, async () => {
        const capturing = images.map(async (image) => {
          for (let steps = Math.floor(random() * 30); steps > 0; steps--) await fs.stat(directory);
          found.push(await store.findMissing(image.chunks.map(({ digest }) => digest)));
          expect(await capture(store, image)).toBe('kept');
        });
        await Promise.all([collect(store, 24 * hourMs), ...capturing]);
      });
      for (const image of images) expect(await isWhole(store, image)).toBe(true);
      expect(await store.findMissing([garbage.digest])).toEqual([garbage.digest]);
    }
  });
});

test('a collector that dies after any of its steps leaves every image readable, and the next one goes on', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    await keepOnlyUsedFanOut(store, directory);
    const [image] = images as [(typeof images)[0]];
    const everything = images.flatMap(({ chunks }) => chunks.map(({ digest }) => digest)).sort();
    let deaths = 0;
    for (let steps = 0, died = true; died; steps++) {
      await leaveOnlyGarbage(store);
      expect(await capture(store, image)).toBe('kept');
      died = await collectGarbage(maintenanceDyingAfter(store, steps), { olderThanMs: -hourMs, dryRun: false }).then(
        () => false,
        (thrown: DeployError) => thrown.code === 'store-io',
      );
      if (died) deaths++;
      for (const { digest, stored } of image.chunks) expect((await store.getChunk(digest)).equals(stored)).toBe(true);
      await collectGarbage(store, { olderThanMs: -hourMs, dryRun: false });
      const needed = image.chunks.map(({ digest }) => digest);
      expect(await store.findMissing(everything)).toEqual(everything.filter((digest) => !needed.includes(digest)));
      expect(await filesIn(directory)).toHaveLength(needed.length);
    }
    expect(deaths).toBeGreaterThan(7);
  });
});

test('a collection that is stopped gives back what it had taken', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    await leaveOnlyGarbage(store);
    const before = await filesIn(directory);
    const controller = new AbortController();
    const stopping = maintenanceCalling(store, (name) => {
      if (name === 'settle') controller.abort();
    });
    const options = { olderThanMs: -hourMs, dryRun: false, signal: controller.signal };
    await expect(collectGarbage(stopping, options)).rejects.toMatchObject({ code: 'cancelled' });
    expect(await filesIn(directory)).toEqual(before);
  });
});

test('an announced manifest that was left behind stops garbage collection from freeing what it names, for a day', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    await leaveOnlyGarbage(store);
    const [image] = images as [(typeof images)[0]];
    const announced = path.join(directory, 'tmp', 'dead.manifest');
    await fs.writeFile(announced, image.manifest);
    await collectGarbage(store, { olderThanMs: -hourMs, dryRun: false });
    expect(await isWhole(store, image)).toBe(true);
    const twoDaysAgo = new Date(Date.now() - 48 * hourMs);
    await fs.utimes(announced, twoDaysAgo, twoDaysAgo);
    await collectGarbage(store, { olderThanMs: -hourMs, dryRun: false });
    expect(await isWhole(store, image)).toBe(false);
    expect(await fs.readdir(path.join(directory, 'tmp'))).toEqual([]);
  });
});

test('a damaged manifest or segment stops garbage collection before it deletes anything', async () => {
  await withTempDirectory(async (directory) => {
    const store = await openDirectoryStore(directory, { create: true });
    await leaveOnlyGarbage(store);
    const [image] = images as [(typeof images)[0]];
    expect(await capture(store, image)).toBe('kept');
    const before = await filesIn(directory);
    const [, segment] = image.chunks;
    await fs.truncate(store.chunkPath(segment?.digest ?? ''), 20);
    const options = { olderThanMs: -hourMs, dryRun: false };
    await expect(collectGarbage(store, options)).rejects.toMatchObject({ code: 'chunk-corrupt' });
    const [manifest] = await fs.readdir(path.join(directory, 'images'));
    await fs.truncate(path.join(directory, 'images', manifest ?? ''), 20);
    await expect(collectGarbage(store, options)).rejects.toMatchObject({ code: 'manifest-corrupt' });
    expect(await filesIn(directory)).toEqual(before);
  });
});

const rounds = 40;
const noJump = () => {};

/** Calls `onCall` before every operation of the store's maintenance and of its quarantines. */
function maintenanceCalling(store: DirectoryStore, onCall: (name: string) => void): DirectoryStore {
  const wrap = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get: (inner, key) => {
        const value: unknown = Reflect.get(inner, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          onCall(String(key));
          const result: unknown = value.apply(inner, args);
          return key === 'openQuarantine' ? wrap(result as object) : result;
        };
      },
    });
  return new Proxy(store, {
    get: (inner, key) => {
      if (key === 'maintenance') return wrap(inner.maintenance);
      const value: unknown = Reflect.get(inner, key);
      return typeof value === 'function' ? value.bind(inner) : value;
    },
  });
}

function maintenanceDyingAfter(store: DirectoryStore, steps: number): DirectoryStore {
  let left = steps;
  return maintenanceCalling(store, () => {
    if (--left < 0) throw new DeployError('store-io', 'dead');
  });
}

async function filesIn(directory: string): Promise<string[]> {
  const names = await fs.readdir(path.join(directory, 'chunks'), { recursive: true });
  return names.filter((name) => name.includes('/')).sort();
}

/** Two hundred and fifty empty directories would only make each round longer. */
async function keepOnlyUsedFanOut(store: DirectoryStore, directory: string): Promise<void> {
  const chunks = [garbage, ...images.flatMap((image) => image.chunks)];
  const used = new Set(chunks.map(({ digest }) => path.dirname(store.chunkPath(digest))));
  for (const prefix of await fs.readdir(path.join(directory, 'chunks'))) {
    const folder = path.join(directory, 'chunks', prefix);
    if (!used.has(folder)) await fs.rmdir(folder);
  }
}
