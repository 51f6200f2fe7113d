// Captures that are killed, that run out of room, that meet each other or a clock gone wrong: what is stored is not sent again,
// what is visible is whole.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { collectGarbage } from '../../imaging/store/collect-garbage.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { verifyImage } from '../../imaging/verify.ts';
import { DeployError } from '../../protocol/errors.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const dayMs = 86_400_000;
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

function makeNoisyDisk(filePath: string, sizeMib: number): Promise<string> {
  return makeRawDisk(filePath, sizeMib * mib, [{ offsetBytes: 0, bytes: noise(sizeMib * mib, filePath) }]);
}

/** Every chunk file with its inode: a chunk that is put again gets another one. */
async function listChunkFiles(place: string): Promise<Map<string, number>> {
  const chunks = new Map<string, number>();
  const root = path.join(place, 'chunks');
  for (const prefix of await fs.readdir(root).catch(() => [])) {
    for (const name of await fs.readdir(path.join(root, prefix))) {
      const stats = await fs.stat(path.join(root, prefix, name)).catch(() => null);
      if (stats !== null) chunks.set(prefix + name, stats.ino);
    }
  }
  return chunks;
}

type Ended = { readonly status: number | null; readonly signal: NodeJS.Signals | null; readonly stderr: string };

function run(program: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += String(text);
  });
  return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, stderr })));
}

/** A process that captures and, having sent so much, is killed in the midst of it, as it stands. */
async function captureUntilKilled(source: string, place: string, bytesSent: number): Promise<Ended> {
  const imaging = path.join(import.meta.dirname, '../../imaging');
  const program = `
    const { captureImage } = await import('${imaging}/capture.ts');
    const { openDirectoryStore } = await import('${imaging}/store/directory-store.ts');
    await captureImage({
      sourcePath: '${source}', imageName: 'one', store: await openDirectoryStore('${place}', { create: true }),
      onProgress: ({ bytesTransferred }) => bytesTransferred >= ${bytesSent} && process.kill(process.pid, 'SIGKILL'),
    });`;
  const file = `${source}.mjs`;
  await fs.writeFile(file, program);
  return run(process.execPath, [file]);
}

test('a capture that is killed again and again never sends what it had stored', { timeout: 600_000 }, async () => {
  await withTempDirectory(async (directory) => {
    const sizeMib = 40;
    const source = await makeNoisyDisk(path.join(directory, 'source'), sizeMib);
    const place = path.join(directory, 'store');
    let kept = new Map<string, number>();
    for (const sentMib of [1, 8, 8]) {
      expect(await captureUntilKilled(source, place, sentMib * mib)).toMatchObject({ signal: 'SIGKILL' });
      const now = await listChunkFiles(place);
      expect(now.size).toBeGreaterThanOrEqual(kept.size + sentMib - 1);
      for (const [digest, inode] of kept) expect(now.get(digest)).toBe(inode);
      kept = now;
    }
    const store = await openDirectoryStore(place, { create: false });
    expect(await store.listManifests()).toEqual([]);
    const { bytesSent, slotsKnown } = await captureImage({ sourcePath: source, imageName: 'one', store });
    expect(slotsKnown).toBe(kept.size);
    // What is left, with its headers, and the index.
    expect(bytesSent).toBeLessThan((sizeMib - kept.size) * (mib + 64) + 64 * 1024);
    expect((await verifyImage({ imageName: 'one', store })).problems).toEqual([]);
  });
});

test('a store that was full takes the rest, and no more, once garbage collection has made room', async () => {
  await withTempDirectory(async (directory) => {
    const mount = path.join(directory, 'small');
    await fs.mkdir(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'none', mount]);
    try {
      const [old, source] = [path.join(directory, 'old'), path.join(directory, 'new')];
      await makeNoisyDisk(old, 8);
      await makeNoisyDisk(source, 12);
      const place = path.join(mount, 'store');
      const store = await openDirectoryStore(place, { create: true });
      await captureImage({ sourcePath: old, imageName: 'old', store });
      await age(place, 2 * dayMs);
      await store.deleteManifest('old');
      const before = await listChunkFiles(place);
      const full = captureImage({ sourcePath: source, imageName: 'new', store });
      await expect(full).rejects.toMatchObject({ code: 'store-full' });
      expect(await store.listManifests()).toEqual([]);
      // The index of the segment, small as it is, may have found room too; it is no slot.
      const added = [...(await listChunkFiles(place)).keys()].filter((digest) => !before.has(digest));
      const sizes = await Promise.all(added.map(async (digest) => (await fs.stat(chunkFile(place, digest))).size));
      const kept = sizes.filter((bytes) => bytes > mib / 2).length;
      expect(kept).toBeGreaterThan(0);
      const { chunks } = await collectGarbage(store, { olderThanMs: dayMs, dryRun: false });
      expect(chunks).toBe(before.size);
      const { slotsKnown, slotsSent } = await captureImage({ sourcePath: source, imageName: 'new', store });
      expect({ slotsKnown, slotsSent }).toEqual({ slotsKnown: kept, slotsSent: 12 - kept });
      expect((await verifyImage({ imageName: 'new', store })).problems).toEqual([]);
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});

function chunkFile(place: string, digest: string): string {
  return path.join(place, 'chunks', digest.slice(0, 2), digest.slice(2));
}

/** As if every chunk had been put so long ago. */
async function age(place: string, ms: number): Promise<void> {
  const then = (Date.now() - ms) / 1000;
  for (const digest of (await listChunkFiles(place)).keys()) {
    await fs.utimes(chunkFile(place, digest), then, then).catch(() => {});
  }
}

test('two processes capture into a store that neither finds there: other names both, one name once', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(path.join(directory, 'source'), 24);
    const place = path.join(directory, 'store');
    const names = ['one', 'two', 'same', 'same'];
    const ended = await Promise.all(
      names.map((name) => run(cli, ['image', 'capture', source, name, '--store', place])),
    );
    const failed = ended.filter(({ status }) => status !== 0);
    expect(failed).toHaveLength(1);
    expect(failed[0]?.stderr).toContain('there is already an image');
    const store = await openDirectoryStore(place, { create: false });
    for (const imageName of ['one', 'two', 'same']) {
      expect((await verifyImage({ imageName, store })).problems).toEqual([]);
    }
  });
});

test.each([
  ['two days back', 2 * dayMs],
  ['a year ahead', -365 * dayMs],
])('a clock that goes %s beside a capture and a garbage collection loses nothing that is needed', async (_, ms) => {
  await withTempDirectory(async (directory) => {
    const [first, second] = [path.join(directory, 'first'), path.join(directory, 'second')];
    await makeNoisyDisk(first, 4);
    await makeNoisyDisk(second, 40);
    const place = path.join(directory, 'store');
    const store = await openDirectoryStore(place, { create: true });
    await captureImage({ sourcePath: first, imageName: 'first', store });
    let collecting: Promise<unknown> | undefined;
    const collect = async () => {
      await age(place, ms);
      await collectGarbage(await openDirectoryStore(place, { create: false }), { olderThanMs: dayMs, dryRun: false });
    };
    const onProgress = ({ bytesTransferred }: { bytesTransferred: number }) => {
      if (bytesTransferred > 8 * mib) collecting ??= collect();
    };
    const captured = await captureImage({ sourcePath: second, imageName: 'second', store, onProgress }).then(
      () => true,
      (thrown: unknown) => {
        // Chunks that looked as old as garbage are gone: then there is no image, and the next attempt makes it.
        expect(thrown).toMatchObject({ code: 'chunk-not-found' });
        return false;
      },
    );
    expect(collecting).toBeDefined();
    await collecting;
    if (!captured) await captureImage({ sourcePath: second, imageName: 'second', store });
    for (const imageName of ['first', 'second']) {
      expect((await verifyImage({ imageName, store })).problems).toEqual([]);
    }
  });
});

test('a capture is cancelled at any chunk, and the next attempts together send each chunk once', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(path.join(directory, 'source'), 24);
    const place = path.join(directory, 'store');
    const store = await openDirectoryStore(place, { create: true });
    for (let attempt = 1; attempt <= 24; attempt += 3) {
      const before = await listChunkFiles(place);
      const stop = new AbortController();
      const onProgress = ({ bytesDone }: { bytesDone: number }) => bytesDone >= attempt * mib && stop.abort();
      const capturing = captureImage({ sourcePath: source, imageName: 'one', store, signal: stop.signal, onProgress });
      const outcome = await capturing.catch((thrown: unknown) => thrown);
      if (outcome instanceof DeployError) expect(outcome.code).toBe('cancelled');
      const after = await listChunkFiles(place);
      for (const [digest, inode] of before) expect(after.get(digest)).toBe(inode);
      if (!(outcome instanceof DeployError)) return;
      expect(await store.listManifests()).toEqual([]);
    }
  });
});
