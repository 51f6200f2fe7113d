import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { exportImage } from '../../imaging/export.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { storeCountingGets } from '../fixtures/fault-store.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';

const mib = 2 ** 20;
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

/** Used bytes with zeros, and an end that is no whole cluster. */
async function makeOddDisk(directory: string): Promise<string> {
  return makeRawDisk(path.join(directory, 'source'), 700 * mib + 3 * 512, [
    { offsetBytes: 0, bytes: noise(100_000, 'start') },
    { offsetBytes: 5 * mib + 512, bytes: noise(3 * mib, 'middle') },
    { offsetBytes: 600 * mib, bytes: noise(mib, 'second table') },
    { offsetBytes: 700 * mib, bytes: noise(3 * 512, 'end') },
  ]);
}

test.each(['raw', 'qcow2'] as const)('a disk exported as %s reads as the disk it was', async (format) => {
  await withTempDirectory(async (directory) => {
    const source = await makeOddDisk(directory);
    const store = openMemoryStore();
    const { rootDigest } = await captureImage({ sourcePath: source, imageName: 'one', store });
    const target = path.join(directory, 'target');
    const result = await exportImage({ imageName: 'one', store, target, format });
    expect(result).toMatchObject({ name: 'one', rootDigest, format, sizeBytes: 700 * mib + 3 * 512 });
    if (format === 'qcow2') await run('qemu-img', 'check', target);
    await run('qemu-img', 'compare', '-f', 'raw', '-F', format, source, target);
    expect((await fs.stat(target)).blocks * 512).toBeLessThan(10 * mib);
    expect(await fs.readdir(directory)).toEqual(['source', 'target']);
  });
});

test.each(['raw', 'qcow2'] as const)(
  'an ext4 exported as %s is whole, and a stream of it is the same',
  async (format) => {
    await withTempDirectory(async (directory) => {
      const source = await makeExtDisk(path.join(directory, 'source'), 64 * mib, { one: noise(3 * mib, 'one') });
      const store = openMemoryStore();
      await captureImage({ sourcePath: source, imageName: 'one', store, chunkSizeBytes: 65_536 });
      const target = path.join(directory, 'target');
      await exportImage({ imageName: 'one', store, target, format });
      const stream = new PassThrough();
      const [streamed] = await Promise.all([
        buffer(stream),
        exportImage({ imageName: 'one', store, target: stream, format }).then(() => stream.end()),
      ]);
      expect(Buffer.compare(streamed, await fs.readFile(target))).toBe(0);
      const raw = path.join(directory, 'raw');
      await run('qemu-img', 'convert', '-f', format, '-O', 'raw', target, raw);
      await run('e2fsck', '-fn', raw);
      await run('debugfs', '-R', `dump one ${path.join(directory, 'found')}`, raw);
      expect(Buffer.compare(await fs.readFile(path.join(directory, 'found')), noise(3 * mib, 'one'))).toBe(0);
    });
  },
);

test('an export never replaces a file, and one that fails leaves nothing behind', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 60 * mib, [
      { offsetBytes: 0, bytes: noise(60 * mib, 'all') },
    ]);
    const store = openMemoryStore();
    await captureImage({ sourcePath: source, imageName: 'one', store });
    const over = exportImage({ imageName: 'one', store, target: source, format: 'raw' });
    await expect(over).rejects.toMatchObject({ code: 'target-exists' });
    const stop = new AbortController();
    const stopping = storeCountingGets(store, (count) => count > 20 && stop.abort());
    const options = { imageName: 'one', target: path.join(directory, 'target'), format: 'raw' } as const;
    await expect(exportImage({ ...options, store: stopping, signal: stop.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(await fs.readdir(directory)).toEqual(['source']);
  });
});

test('from the command line to a pipe, whose end is an error in words', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeRawDisk(path.join(directory, 'source'), 8 * mib, [
      { offsetBytes: mib, bytes: noise(3 * mib, 'x') },
    ]);
    const place = path.join(directory, 'store');
    await captureImage({
      sourcePath: source,
      imageName: 'one',
      store: await openDirectoryStore(place, { create: true }),
    });
    const all = execFileSync(cli, ['image', 'export', 'one', '-', '--store', place], { maxBuffer: 16 * mib });
    expect(Buffer.compare(all, await fs.readFile(source))).toBe(0);
    const child = spawn(cli, ['image', 'export', 'one', '-', '--store', place], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.once('data', () => child.stdout.destroy());
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += String(text);
    });
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect(stderr).toMatch(/exporting 'one' to the output: writing the output: .*EPIPE/);
    expect(status).toBe(6);
  });
});
