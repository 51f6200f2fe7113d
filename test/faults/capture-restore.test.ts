// What goes wrong around a capture or restore: each has a named error, no image becomes visible, no target half-boots.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { captureSegments, noParentSegment } from '../../imaging/chunk/capture-segments.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { checkStore } from '../../imaging/store/check-store.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeRawDisk, noise } from '../fixtures/disks.ts';
import { slowThenFull, storeCountingGets, storeFullAfter } from '../fixtures/fault-store.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { expectUnfinished } from '../fixtures/unfinished-restore.ts';

const mib = 2 ** 20;
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

async function makeNoisyDisk(directory: string, sizeMib: number): Promise<string> {
  const bytes = noise(sizeMib * mib, 'all');
  return makeRawDisk(path.join(directory, 'source'), sizeMib * mib, [{ offsetBytes: 0, bytes }]);
}

test('a store that fills up is store-full, and the image stays invisible', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 20);
    const store = openMemoryStore();
    const full = storeFullAfter(store, 8);
    const capturing = captureImage({ sourcePath: source, imageName: 'one', store: full });
    await expect(capturing).rejects.toMatchObject({ code: 'store-full' });
    expect(await store.listManifests()).toEqual([]);
  });
});

test('when a capture has failed, nothing of it is on its way to the store any more', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 20);
    const { store, underWay } = slowThenFull(openMemoryStore(), 300);
    const capturing = captureImage({ sourcePath: source, imageName: 'one', store });
    await expect(capturing).rejects.toMatchObject({ code: 'store-full' });
    expect(underWay()).toBe(0);
  });
});

test('an empty name for a store is a usage error, not the current directory', async () => {
  const { status, stderr } = await runCli('image', 'list', '--store', '');
  expect(stderr).toMatch(/no store is named/);
  expect(status).toBe(2);
});

test('a directory store on a file system without room is store-full, exits 8, and is clean afterwards', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 20);
    const mount = path.join(directory, 'small');
    await fs.mkdir(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'none', mount]);
    try {
      const { status, stderr } = await runCli('image', 'capture', source, 'one', '--store', path.join(mount, 'store'));
      expect(stderr).toMatch(/ENOSPC[\s\S]*Make room/);
      expect(status).toBe(8);
      const store = await openDirectoryStore(path.join(mount, 'store'), { create: false });
      expect(await store.listManifests()).toEqual([]);
      expect(await checkStore(store)).toMatchObject({ problems: [], temporaryFiles: 0 });
    } finally {
      execFileSync('umount', [mount]);
    }
  });
});

test('a source that ends before its map does is source-vanished', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 3);
    const map = { used: [{ startBytes: 0, lengthBytes: 9 * mib }], sizeBytes: 9 * mib };
    const capturing = captureSegments(map, {
      source: { path: source, label: 'the disk', role: 'source', mode: 'read' },
      ...{ store: openMemoryStore(), chunkSizeBytes: mib, level: 1, parentSegment: async () => noParentSegment },
    });
    await expect(capturing).rejects.toMatchObject({
      code: 'source-vanished',
      message: expect.stringContaining('the disk'),
    });
  });
});

test('a source that is not there is device-not-found', async () => {
  const capturing = captureImage({ sourcePath: '/nowhere/sda', imageName: 'one', store: openMemoryStore() });
  await expect(capturing).rejects.toMatchObject({ code: 'device-not-found' });
});

test('a name that is taken is image-exists before anything is read', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 1);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const again = captureImage({ sourcePath: '/nowhere/sda', imageName: 'one', store });
    await expect(again).rejects.toMatchObject({ code: 'image-exists' });
  });
});

test('a target smaller than the last used byte is target-too-small and stays as it is', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 4);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const target = await makeRawDisk(path.join(directory, 'target'), 4 * mib - 512, [
      { offsetBytes: 0, bytes: Buffer.from('precious') },
    ]);
    await expect(restoreImage({ imageName: 'one', targetPath: target, store })).rejects.toMatchObject({
      code: 'target-too-small',
      message: expect.stringContaining('nothing was written'),
    });
    expect((await fs.readFile(target)).toString('latin1', 0, 8)).toBe('precious');
  });
});

test('a mounted target is refused and stays as it is', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 4);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const target = await makeRawDisk(path.join(directory, 'target'), 32 * mib);
    execFileSync('mkfs.ext4', ['-q', '-F', target]);
    const mount = path.join(directory, 'mount');
    await fs.mkdir(mount);
    execFileSync('mount', ['-o', 'loop', target, mount]);
    try {
      const restoring = restoreImage({ imageName: 'one', targetPath: target, store });
      await expect(restoring).rejects.toMatchObject({ code: expect.stringMatching(/^target-(mounted|held)$/) });
    } finally {
      execFileSync('umount', [mount]);
    }
    execFileSync('e2fsck', ['-fn', target], { stdio: 'ignore' });
  });
});

test('a capture that is stopped is cancelled and leaves neither image nor temporary file', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 60);
    const store = await openDirectoryStore(path.join(directory, 'store'), { create: true });
    const stop = new AbortController();
    const capturing = captureImage({
      ...{ sourcePath: source, imageName: 'one', store, signal: stop.signal },
      onProgress: ({ bytesDone }) => bytesDone > 10 * mib && stop.abort(),
    });
    await expect(capturing).rejects.toMatchObject({ code: 'cancelled' });
    expect(await store.listManifests()).toEqual([]);
    expect(await checkStore(store)).toMatchObject({ problems: [], temporaryFiles: 0 });
  });
});

test('a restore that is stopped leaves a first MiB of zeros and says so', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 60);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const stop = new AbortController();
    const stopping = storeCountingGets(store, (count) => count > 20 && stop.abort());
    const target = path.join(directory, 'target');
    await fs.copyFile(source, target);
    const restoring = restoreImage({
      imageName: 'one',
      targetPath: target,
      store: stopping,
      signal: stop.signal,
      delta: 'never',
    });
    await expect(restoring).rejects.toMatchObject({
      code: 'cancelled',
      message: expect.stringContaining('first MiB is blank'),
    });
    await expectUnfinished(target, 'one');
  });
});

test('a capture that is killed leaves no image and a clean store, and its chunks serve the next one', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 200);
    const place = path.join(directory, 'store');
    await killWhen(['image', 'capture', source, 'one', '--store', place], async () => {
      const chunks = await fs.readdir(path.join(place, 'chunks')).catch(() => []);
      const names = await Promise.all(chunks.map((prefix) => fs.readdir(path.join(place, 'chunks', prefix))));
      return names.flat().length > 20;
    });
    const store = await openDirectoryStore(place, { create: false });
    expect(await store.listManifests()).toEqual([]);
    expect((await checkStore(store)).problems).toEqual([]);
    const { slotsKnown } = await captureImage({ sourcePath: source, imageName: 'one', store });
    expect(slotsKnown).toBeGreaterThan(10);
  });
});

test('a restore that is killed leaves a first MiB of zeros', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeNoisyDisk(directory, 200);
    const place = path.join(directory, 'store');
    await captureImage({
      sourcePath: source,
      imageName: 'one',
      store: await openDirectoryStore(place, { create: true }),
    });
    const target = path.join(directory, 'target');
    await killWhen(['image', 'restore', 'one', target, '--store', place], async () => {
      const stats = await fs.stat(target).catch(() => null);
      return stats !== null && stats.blocks * 512 > 10 * mib;
    });
    await expectUnfinished(target, 'one');
  });
});

function runCli(...args: string[]): Promise<{ status: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(cli, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += String(text);
    });
    child.on('close', (status) => resolve({ status, stderr }));
  });
}

/** Starts the command line and kills it as soon as `due`. The test fails if it ends by itself. */
async function killWhen(args: string[], due: () => Promise<boolean>): Promise<void> {
  const child = spawn(cli, args, { stdio: 'ignore' });
  const ended = new Promise<NodeJS.Signals | null>((resolve) => child.on('close', (_, signal) => resolve(signal)));
  while (child.exitCode === null && !(await due())) await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
}
