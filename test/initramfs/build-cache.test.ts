import { mkdtemp, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { BuildCache, hashOf } from '../../initramfs/build-cache.ts';

describe('BuildCache', () => {
  let cache: BuildCache;

  beforeEach(async () => {
    cache = new BuildCache(await mkdtemp(join(tmpdir(), 'build-cache-')));
  });

  afterEach(async () => await rm(cache.dir, { recursive: true }));

  test('makes a thing once and finds it afterwards', async () => {
    const make = async (path: string) => await writeFile(path, 'made');
    const first = await cache.obtain('parts', 'a', make);
    const second = await cache.obtain('parts', 'a', async () => expect.unreachable());
    expect([first.cached, second.cached]).toEqual([false, true]);
    expect(await readFile(second.path, 'utf8')).toBe('made');
  });

  test('keeps nothing of what failed half way', async () => {
    const failing = cache.obtain('parts', 'a', async (path) => {
      await writeFile(path, 'half');
      throw new Error('disk on fire');
    });
    await expect(failing).rejects.toThrow('disk on fire');
    expect(await cache.has('parts', 'a')).toBe(false);
  });

  test('two builds that make the same thing at once both get it', async () => {
    const make = async (path: string) => await writeFile(path, 'made');
    const both = await Promise.all([cache.obtain('parts', 'a', make), cache.obtain('parts', 'a', make)]);
    expect(both.map(({ path }) => path)).toEqual([both[0].path, both[0].path]);
  });

  test('forgets what no build has used for a month, and only that', async () => {
    const make = async (path: string) => await writeFile(path, 'made');
    const old = await cache.obtain('parts', 'old', make);
    const recent = await cache.obtain('parts', 'recent', make);
    const longAgo = new Date(Date.now() - 40 * 86_400_000);
    await utimes(old.path, longAgo, longAgo);
    await cache.prune(['parts', 'never-made']);
    await expect(stat(old.path)).rejects.toThrow('ENOENT');
    await stat(recent.path);
  });

  test('keys differ when an input differs', () => {
    expect(hashOf({ level: 19, name: 'a' })).not.toBe(hashOf({ level: 3, name: 'a' }));
  });
});
