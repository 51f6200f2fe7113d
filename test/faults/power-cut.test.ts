// The power goes at any moment of a capture, a deletion, a garbage collection or a restore: what a disk may hold then is
// worked out from the calls that a real run made, and looked at by a fresh start.
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { decodeChunk } from '../../imaging/chunk/stored-chunk.ts';
import { loadManifest, loadSegment } from '../../imaging/manifest/load-image.ts';
import { type DirectoryStore, openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { DeployError } from '../../protocol/errors.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { type CrashState, crashStates, layOut } from '../fixtures/power-cut.ts';
import { type Call, pathsOf, recordCalls } from '../fixtures/recorded-calls.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');
const history = path.join(import.meta.dirname, '../fixtures/store-history.ts');

/** The call with which the history said `word`: a file of that name, made once it knew. */
function saidAt(calls: readonly Call[], word: string): number {
  const at = calls.findIndex((call) => pathsOf(call).some((file) => file.endsWith(`/said/${word}`)));
  expect(at, word).toBeGreaterThan(0);
  return at;
}

test('a store keeps every image that was reported kept, shows none that is not whole, and takes new ones', {
  timeout: 600_000,
}, async () => {
  await withTempDirectory(async (directory) => {
    const [first, second] = [path.join(directory, 'first'), path.join(directory, 'second')];
    await makeRawDisk(first, 3 * mib, [{ offsetBytes: 0, bytes: noise(2 * mib, 'first') }]);
    await makeRawDisk(second, 3 * mib, [
      { offsetBytes: 0, bytes: noise(mib, 'first') },
      { offsetBytes: 2 * mib, bytes: noise(mib, 'second') },
    ]);
    const watched = path.join(directory, 'watched');
    const said = path.join(watched, 'said');
    await fs.mkdir(said, { recursive: true });
    await fs.mkdir(path.join(watched, 'disk'));
    const disk = path.join(watched, 'disk');
    const place = path.join(disk, 'store');
    const script = `${process.execPath} ${history} ${first} ${second} ${place} ${said}`;
    const calls = await recordCalls(script, watched, path.join(directory, 'log'));
    const [one, two, deleting, deleted, three] = ['one', 'two', 'deleting', 'deleted', 'three'].map((word) =>
      saidAt(calls, word),
    ) as [number, number, number, number, number];
    const lab = path.join(directory, 'lab');
    let before: CrashState = new Map();
    let states = 0;
    for (const { afterCalls, what, state } of crashStates(calls, disk)) {
      states++;
      const context = `after ${afterCalls} calls, ${what}`;
      await layOut(state, disk, lab, before);
      before = state;
      const names = await listWhole(path.join(lab, 'store'), context);
      if (afterCalls > one && afterCalls < deleting) expect(names, context).toContain('one');
      if (afterCalls > two) expect(names, context).toContain('two');
      if (afterCalls > deleted) expect(names, context).not.toContain('one');
      if (afterCalls > three) expect(names, context).toContain('three');
      // A capture costs more than a look: every state of the store's making, where least is there, and some of the rest.
      if (afterCalls > one ? states % 25 !== 0 : states % 5 !== 0) continue;
      await captureAfterwards(first, path.join(lab, 'store'), context);
      await fs.rm(lab, { recursive: true });
      before = new Map();
    }
    expect(states).toBeGreaterThan(60);
  });
});

/** The images that the store shows, each of which must be whole; none where the cut came before there was a store. */
async function listWhole(place: string, context: string): Promise<string[]> {
  const store = await openDirectoryStore(place, { create: false }).catch((thrown: unknown) => {
    if (thrown instanceof DeployError && thrown.code === 'store-not-found') return null;
    throw thrown;
  });
  if (store === null) return [];
  const names = (await store.listManifests()).map(({ name }) => name);
  for (const name of names) await expect(readAll(store, name), context).resolves.toBeGreaterThan(0);
  return names;
}

/** How many chunks an image has, each of which is what its digest says. */
async function readAll(store: DirectoryStore, name: string): Promise<number> {
  const manifest = await loadManifest(store, name);
  let chunks = 0;
  for (const [index] of manifest.segments.entries()) {
    for (const { digest } of await loadSegment(store, manifest, index)) {
      if (digest === null) continue;
      decodeChunk(digest, await store.getChunk(digest));
      chunks++;
    }
  }
  return chunks;
}

async function captureAfterwards(sourcePath: string, place: string, context: string): Promise<void> {
  const store = await openDirectoryStore(place, { create: true });
  await captureImage({ sourcePath, imageName: 'afterwards', store });
  expect(await listWhole(place, context)).toContain('afterwards');
}

test('a disk whose restore was cut has a first sector only over content that is whole: the old one, or the new one', {
  timeout: 600_000,
}, async () => {
  await withTempDirectory(async (directory) => {
    const [oldBytes, newBytes] = [noise(4 * mib, 'old'), noise(4 * mib, 'new')];
    const old = await makeRawDisk(path.join(directory, 'old'), 4 * mib, [{ offsetBytes: 0, bytes: oldBytes }]);
    const source = await makeRawDisk(path.join(directory, 'new'), 4 * mib, [{ offsetBytes: 0, bytes: newBytes }]);
    const place = path.join(directory, 'store');
    const store = await openDirectoryStore(place, { create: true });
    await captureImage({ sourcePath: source, imageName: 'new', store });
    const disk = path.join(directory, 'disk');
    await fs.mkdir(disk);
    const target = path.join(disk, 'target');
    const commands = `dd if=${old} of=${target} bs=1M; sync ${target} ${disk}; ${cli} image restore new ${target} --store ${place}`;
    const calls = await recordCalls(commands, disk, path.join(directory, 'log'));
    const filled = calls.findIndex((call) => call.kind === 'sync' && call.path === disk);
    const seen = new Set<string>();
    for (const { afterCalls, what, state } of crashStates(calls, disk)) {
      if (afterCalls <= filled) continue;
      const bytes = state.get(target) ?? Buffer.alloc(0);
      const content = describeDisk(bytes, oldBytes, newBytes);
      expect(content, `after ${afterCalls} calls, ${what}`).not.toBe('half');
      seen.add(content);
    }
    // That of the old disk before the first flush was seen while it was filled.
    expect([...seen].sort()).toEqual(['blank', 'new']);
  });
});

/** By its first sector, and whether everything else belongs to it. */
function describeDisk(bytes: Buffer, oldBytes: Buffer, newBytes: Buffer): 'blank' | 'old' | 'new' | 'half' {
  const first = bytes.subarray(0, 512);
  if (first.equals(Buffer.alloc(512))) return 'blank';
  // Of the first MiB itself, any part may be there when it is written last.
  if (bytes.subarray(mib).equals(newBytes.subarray(mib)) && !first.equals(oldBytes.subarray(0, 512))) return 'new';
  return bytes.subarray(mib).equals(oldBytes.subarray(mib)) ? 'old' : 'half';
}
