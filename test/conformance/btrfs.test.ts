// The Btrfs reader against dump-tree, btrfs check, the kernel's scrub and a comparison of all files.
import { copyFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mapDisk } from '../../imaging/map.ts';
import { btrfsCases } from '../fixtures/btrfs-cases.ts';
import { askDumpTree, checkBtrfs, listBtrfsFiles } from '../fixtures/btrfs-oracles.ts';
import { withMount } from '../fixtures/mounts.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { fileSystemConformance } from './file-system-conformance.ts';

fileSystemConformance({
  reader: 'btrfs',
  cases: btrfsCases,
  askWitnesses: async (filePath) => [await askDumpTree(filePath)],
  check: checkBtrfs,
  listFiles: (filePath, _, testCase) => listBtrfsFiles(filePath, testCase),
});

describe('captured sector by sector is', () => {
  const makeFile = async (filePath: string) => {
    await using handle = await open(filePath, 'w');
    await handle.truncate(256 * 2 ** 20);
  };
  const expectRaw = async (filePath: string, reason: RegExp) => {
    const map = await mapDisk(filePath);
    expect(map.partitions[0]).toMatchObject({ fileSystem: 'btrfs', reader: 'raw', usedBytes: 256 * 2 ** 20 });
    expect(map.partitions[0]?.notes.join()).toMatch(reason);
  };

  test('each device of a Btrfs over two', async () => {
    await withTempDirectory(async (folder) => {
      const files = [join(folder, 'one.img'), join(folder, 'two.img')];
      for (const file of files) await makeFile(file);
      await run('mkfs.btrfs', '-q', ...files);
      for (const file of files) await expectRaw(file, /lies on 2 devices/);
    });
  });

  test('a Btrfs whose power was cut after an fsync', async () => {
    await withTempDirectory(async (folder) => {
      const [file, cut] = [join(folder, 'fs.img'), join(folder, 'cut.img')];
      await makeFile(file);
      await run('mkfs.btrfs', '-q', file);
      await withMount(file, 'commit=300', async (mounted) => {
        await run('bash', '-ec', `cd ${mounted}; echo x > a; sync; echo y >> a; sync a`);
        await copyFile(file, cut);
      });
      await expectRaw(cut, /log tree has not been replayed/);
      expect((await mapDisk(file)).partitions[0]).toMatchObject({ reader: 'btrfs' });
    });
  });
});
