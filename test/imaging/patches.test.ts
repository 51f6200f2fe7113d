// What changed in a chunk is stored as a patch of what it was (docs/decisions/022-patches.md): less is sent and fetched, nothing else differs.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CaptureOptions, captureImage } from '../../imaging/capture.ts';
import { applyPatch, makePatch } from '../../imaging/chunk/slot-patch.ts';
import { exportImage } from '../../imaging/export.ts';
import { openImageReader } from '../../imaging/image-reader.ts';
import { loadManifest, loadSegment } from '../../imaging/manifest/load-image.ts';
import { loadPatches } from '../../imaging/manifest/patch-list.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { checkStore } from '../../imaging/store/check-store.ts';
import type { ChunkStore, Digest } from '../../imaging/store/chunk-store.ts';
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { encrypted } from '../fixtures/encrypted-stores.ts';
import { storeFlippingBitOf, storeFullAtTheEnd } from '../fixtures/fault-store.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const kib = 2 ** 10;
const mib = 2 ** 20;
const sizeBytes = 8 * mib + 300 * kib;

type Case = {
  readonly store: ReturnType<typeof openMemoryStore>;
  readonly disk: string;
  readonly path: (name: string) => string;
  capture(name: string, options?: Partial<CaptureOptions>): ReturnType<typeof captureImage>;
};

/** A disk of noise with its image 'one'. */
async function withDisk(work: (the: Case) => Promise<void>): Promise<void> {
  await withTempDirectory(async (directory) => {
    const store = openMemoryStore();
    const disk = await makeRawDisk(path.join(directory, 'disk'), sizeBytes, [
      { offsetBytes: 0, bytes: noise(sizeBytes, 'one') },
    ]);
    const capture: Case['capture'] = (imageName, options) =>
      captureImage({ sourcePath: disk, imageName, store, parentName: 'one', ...options });
    await capture('one', { parentName: null });
    await work({ store, disk, path: (name) => path.join(directory, name), capture });
  });
}

async function write(disk: string, changes: readonly (readonly [offsetBytes: number, bytes: Uint8Array])[]) {
  const handle = await fs.open(disk, 'r+');
  for (const [offsetBytes, bytes] of changes) await handle.write(bytes, 0, bytes.length, offsetBytes);
  await handle.close();
}

/** A byte in slot 1, 20 blocks of slot 3, most of slot 5, and the end of the last slot, which is shorter. */
const changes = [
  [mib + 70_001, Buffer.from([1])],
  [3 * mib + 4096, noise(20 * 4096, 'three')],
  [5 * mib, noise(600 * kib, 'five')],
  [sizeBytes - 5, Buffer.from('ended')],
] as const;
const patchedBytes = 22 * 4096;
const wholeBytes = mib;

async function patchesOf(store: ChunkStore, name: string) {
  return (await loadPatches(store, await loadManifest(store, name))).patches;
}

async function sameAs(disk: string, store: ChunkStore, name: string): Promise<void> {
  const expected = await fs.readFile(disk);
  const reader = openImageReader(store, await loadManifest(store, name));
  expect((await reader.read(0, sizeBytes)).equals(expected)).toBe(true);
}

test('a slot of which less than half has changed is sent as a patch, and reads, verifies, exports and restores as what it is', async () => {
  await withDisk(async ({ store, disk, path, capture }) => {
    await write(disk, changes);
    const two = await capture('two');
    expect(two).toMatchObject({ slotsSent: 4, slotsPatched: 3, slotsKnown: 5 });
    expect(two.bytesSent).toBeLessThan(wholeBytes + patchedBytes + 4 * kib);
    await sameAs(disk, store, 'two');
    expect(await verifyImage({ imageName: 'two', store })).toMatchObject({ slots: 9, problemCount: 0 });
    expect(await checkStore(store)).toMatchObject({ problems: [], unreferenced: 0 });
    await exportImage({ imageName: 'two', store, target: path('raw'), format: 'raw' });
    await restoreImage({ imageName: 'two', targetPath: path('target'), store });
    for (const copy of ['raw', 'target']) execFileSync('cmp', [disk, path(copy)]);
  });
});

test('the content has one root digest, whether it is stored in patches or whole', async () => {
  await withDisk(async ({ store, disk, capture }) => {
    await write(disk, changes);
    const { rootDigest } = await capture('two');
    const whole = await capture('whole', { parentName: null, store: openMemoryStore() });
    expect(whole.rootDigest).toBe(rootDigest);
    expect((await loadManifest(store, 'two')).version).toBe(2);
    expect((await loadManifest(store, 'one')).version).toBe(1);
  });
});

test('over the parent, a restore fetches the patches and writes what they change, byte for byte (R17)', async () => {
  await withDisk(async ({ store, disk, path, capture }) => {
    await fs.copyFile(disk, path('target'));
    await write(disk, changes);
    await capture('two');
    const restored = await restoreImage({ imageName: 'two', targetPath: path('target'), store, delta: 'always' });
    execFileSync('cmp', [disk, path('target')]);
    // The first and the last MiB are written whole, for their own reasons: the last slot is one of those.
    const edges = mib + 300 * kib + mib;
    expect(restored.bytesFetched).toBeLessThan(edges + wholeBytes + patchedBytes + 8 * kib);
    expect(restored.bytesWritten).toBeLessThanOrEqual(edges + wholeBytes + patchedBytes);
  });
});

test('over a disk that is neither the image nor its parent, the bases are fetched too', async () => {
  await withDisk(async ({ store, disk, path, capture }) => {
    await fs.copyFile(disk, path('target'));
    await write(path('target'), [
      [3 * mib, noise(mib, 'drift')],
      [mib, noise(8192, 'more')],
    ]);
    await write(disk, changes);
    await capture('two');
    await restoreImage({ imageName: 'two', targetPath: path('target'), store, delta: 'always' });
    execFileSync('cmp', [disk, path('target')]);
  });
});

test('a patch is never of a patch: a grandchild keeps what has not changed again, and takes the rest from the first', async () => {
  await withDisk(async ({ store, disk, capture }) => {
    await write(disk, changes);
    await capture('two');
    await write(disk, [[3 * mib + 500 * kib, noise(4096, 'later')]]);
    const three = await capture('three', { parentName: 'two' });
    expect(three).toMatchObject({ slotsSent: 1, slotsPatched: 1 });
    expect(three.bytesSent).toBeLessThan(21 * 4096 + 4 * kib);
    const [one, two] = [await patchesOf(store, 'two'), await patchesOf(store, 'three')];
    expect(two.size).toBe(3);
    expect([...two.values()].map(({ base }) => base).sort()).toEqual([...one.values()].map(({ base }) => base).sort());
    await sameAs(disk, store, 'three');
    const again = await capture('four', { parentName: 'three' });
    expect(again).toMatchObject({ slotsSent: 0, bytesSent: 0 });
    await sameAs(disk, store, 'four');
  });
});

test('garbage collection keeps what patches stand on when the image they came from is deleted, and frees it after them', async () => {
  await withDisk(async ({ store, disk, capture }) => {
    await write(disk, changes);
    await capture('two');
    const before = await store.stats();
    await store.deleteManifest('one');
    const { chunks } = await collectGarbage(store, { olderThanMs: 0, dryRun: false });
    // The parent's own index, and the one chunk that the child has whole and anew.
    expect(chunks).toBe(2);
    expect((await store.stats()).chunks).toBe(before.chunks - 2);
    await sameAs(disk, store, 'two');
    await store.deleteManifest('two');
    await collectGarbage(store, { olderThanMs: 0, dryRun: false });
    expect((await store.stats()).chunks).toBe(0);
  });
});

test('an image with the same content but whole chunks keeps those, though it shares its index with one in patches', async () => {
  await withDisk(async ({ store, disk, capture }) => {
    await write(disk, changes);
    await capture('patched');
    await capture('whole', { parentName: null });
    await collectGarbage(store, { olderThanMs: 0, dryRun: false });
    await store.deleteManifest('patched');
    await collectGarbage(store, { olderThanMs: 0, dryRun: false });
    await sameAs(disk, store, 'whole');
    expect(await checkStore(store)).toMatchObject({ problems: [], images: 2 });
  });
});

test('a capture that was cut off does not send its patches again', async () => {
  await withDisk(async ({ store, disk, capture }) => {
    await write(disk, changes);
    await expect(capture('two', { store: storeFullAtTheEnd(store) })).rejects.toMatchObject({ code: 'store-full' });
    const { bytesSent, slotsPatched } = await capture('two');
    expect(slotsPatched).toBe(3);
    expect(bytesSent).toBeLessThan(4 * kib);
    await sameAs(disk, store, 'two');
  });
});

test('a base that is damaged or gone is none: the slot is stored whole', async () => {
  await withDisk(async ({ store, disk, capture }) => {
    await write(disk, changes.slice(0, 1));
    const slots = [...(await loadSegment(store, await loadManifest(store, 'one'), 0))];
    const damaged = storeFlippingBitOf(store, slots[1]?.digest as Digest, 5000);
    expect(await capture('two', { store: damaged })).toMatchObject({ slotsSent: 1, slotsPatched: 0 });
    await sameAs(disk, store, 'two');
  });
});

test('verify names the damaged part of a patched chunk, and what of the disk is lost', async () => {
  await withDisk(async ({ store, disk, capture }) => {
    await write(disk, changes);
    await capture('two');
    for (const { base, patch } of (await patchesOf(store, 'two')).values()) {
      for (const part of [base, patch]) {
        const { problems } = await verifyImage({ imageName: 'two', store: storeFlippingBitOf(store, part, 40) });
        expect(problems).toHaveLength(1);
        expect(problems[0]).toMatchObject({ code: 'chunk-corrupt', message: expect.stringContaining(part) });
      }
    }
  });
});

test('an encrypted capture makes patches of an encrypted parent, none of a plain one, and the store knows what it needs', async () => {
  await withDisk(async ({ store, disk, capture }) => {
    const sealed = await encrypted(store);
    await write(disk, changes);
    expect(await capture('sealed one', { store: sealed })).toMatchObject({ slotsSent: 9, slotsPatched: 0 });
    await write(disk, [[7 * mib, noise(4096, 'again')]]);
    const second = await capture('sealed two', { store: sealed, parentName: 'sealed one' });
    expect(second).toMatchObject({ slotsSent: 1, slotsPatched: 1 });
    await store.deleteManifest('sealed one');
    await collectGarbage(store, { olderThanMs: 0, dryRun: false });
    await sameAs(disk, sealed, 'sealed two');
    expect(await checkStore(store)).toMatchObject({ problems: [], unreferenced: 0 });
    await sealed.close();
  });
});

test('any change makes a patch that gives the slot back, or none; and any bytes as a patch are refused or stay inside the slot', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40_000 }),
      fc.array(fc.tuple(fc.nat(40_000), fc.nat(255)), { maxLength: 12 }),
      fc.uint8Array({ maxLength: 64 }),
      (length, edits, foreign) => {
        const base = noise(length, 'base');
        const slot = Buffer.from(base);
        for (const [at, byte] of edits) if (at < length) slot[at] = byte;
        const patch = makePatch(base, slot);
        if (patch !== null) {
          const made = Buffer.from(base);
          applyPatch(made, patch);
          expect(made.equals(slot)).toBe(true);
          const cut = patch.subarray(0, patch.length - 1);
          expect(() => applyPatch(Buffer.from(base), cut)).toThrow(/damaged/);
        }
        expect(() => applyPatch(Buffer.from(base), foreign)).toThrow(/damaged/);
      },
    ),
  );
});
