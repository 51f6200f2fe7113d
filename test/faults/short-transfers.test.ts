// Devices that move fewer bytes than they were asked to, by odd counts and in every phase: the rest is asked for, or the error has a name.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { mapDisk } from '../../imaging/map.ts';
import { openDirectoryStore } from '../../imaging/store/directory-store.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { makeExtDisk, makeRawDisk, noise } from '../fixtures/disks.ts';
import { run } from '../fixtures/run.ts';
import { withShortTransfers } from '../fixtures/short-transfers.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { expectUnfinished } from '../fixtures/unfinished-restore.ts';

const mib = 2 ** 20;
const workers = 1;
const cli = path.join(import.meta.dirname, '../../cli/deploy-os');

/** Two disks of noise with the same table: partition 1 from 1 to 8 MiB. */
async function makeDisks(directory: string): Promise<{ source: string; target: string }> {
  const make = async (name: string) => {
    const file = path.join(directory, name);
    await makeRawDisk(file, 10 * mib, [{ offsetBytes: 0, bytes: noise(10 * mib, name) }]);
    execFileSync('sfdisk', ['-q', '-w', 'always', '-W', 'always', file], {
      input: `label: gpt\nlabel-id: ${name === 'source' ? 1 : 2}1111111-1111-4111-8111-111111111111\nstart=2048, size=14336\n`,
    });
    return file;
  };
  return { source: await make('source'), target: await make('target') };
}

test('a capture from a disk that gives fewer bytes than asked, and a rescue of it, are the disk', async () => {
  await withTempDirectory(async (directory) => {
    const source = await makeExtDisk(path.join(directory, 'ext'), 16 * mib, { one: noise(4 * mib, 'one') });
    const store = openMemoryStore();
    const direct = await captureImage({ sourcePath: source, imageName: 'whole', store, workers });
    const map = await mapDisk(source);
    await withShortTransfers(source, async (sourcePath, counts) => {
      expect(await mapDisk(sourcePath)).toEqual(map);
      const image = await captureImage({ sourcePath, imageName: 'short', store, workers });
      expect(image.rootDigest).toBe(direct.rootDigest);
      expect(counts.shortReads).toBeGreaterThan(20);
      const rescued = await captureImage({ sourcePath, imageName: 'rescued', store, workers, rescue: true });
      expect(rescued).toMatchObject({ rootDigest: direct.rootDigest, lostBytes: 0 });
    });
  });
});

test('a disk that takes fewer bytes than given names the sector where it takes none, is taken back by undo, and else holds the image', async () => {
  await withTempDirectory(async (directory) => {
    const { source, target } = await makeDisks(directory);
    const before = await fs.readFile(target);
    const captured = await fs.readFile(source);
    const store = await openDirectoryStore(path.join(directory, 'store'), { create: true });
    await captureImage({ sourcePath: source, imageName: 'one', store, workers });
    const image = (...args: string[]) => run(cli, 'image', ...args, '--store', store.label, '--json');
    const takesNothingIn = { startBytes: 5 * mib, lengthBytes: mib };
    await withShortTransfers(
      target,
      async (short) => {
        await expect(image('restore', 'one', short, '--workers', '1')).rejects.toThrow(
          /at byte \d+ \(sector 10\d+\): it takes no more bytes.*does not boot/,
        );
        // The mark came through whole, and leads to what was saved.
        await expectUnfinished(target, 'one');
        await image('undo', short);
        const after = await fs.readFile(target);
        expect(after.compare(before, 0, 2 * mib, 0, 2 * mib)).toBe(0);
        expect(after.compare(before, 9 * mib, 10 * mib, 9 * mib, 10 * mib)).toBe(0);
      },
      { takesNothingIn },
    );
    await withShortTransfers(target, async (short, counts) => {
      const restored = await image('restore', 'one', short, '--workers', '1');
      expect(JSON.parse(restored)).toMatchObject({ bytesVerified: 10 * mib });
      expect((await fs.readFile(target)).equals(captured)).toBe(true);
      expect(counts.shortWrites).toBeGreaterThan(20);
      expect(counts.shortReads).toBeGreaterThan(20);
    });
  });
});
