// The LVM2 reader against pvs, and the file systems in the volumes against their own tools, and all of it back over random bytes.
import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { loadManifest } from '../../imaging/manifest/load-image.ts';
import { mapDisk } from '../../imaging/map.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { invertToBlocks } from '../fixtures/block-runs.ts';
import { lvmCases, nestedCase } from '../fixtures/lvm-cases.ts';
import { askBlankLvm, askLvm, checkLvm, listLvmFiles } from '../fixtures/lvm-oracles.ts';
import { withLoop } from '../fixtures/mounts.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { fileSystemConformance } from './file-system-conformance.ts';

fileSystemConformance({
  reader: 'lvm2',
  cases: lvmCases,
  askBlank: askBlankLvm,
  askWitnesses: async (filePath, testCase) => [await askLvm(filePath, testCase)],
  check: checkLvm,
  listFiles: listLvmFiles,
});

describe('a file system in a logical volume in a logical partition of an extended one', () => {
  test.for([512, 4096])('comes back whole, with sectors of %i bytes', async (sectorBytes) => {
    const testCase = nestedCase(sectorBytes);
    await withTempDirectory(async (folder) => {
      const [source, target] = [join(folder, 'source.img'), join(folder, 'target.img')];
      await testCase.make(source);
      const witness = await askLvm(source, testCase);
      await writeFile(target, randomBytes((await stat(source)).size));
      const store = openMemoryStore();
      await onDisks([source, target], sectorBytes, async ([sourcePath, targetPath]) => {
        const map = await mapDisk(sourcePath);
        expect(map).toMatchObject({ table: 'mbr', sectorSizeBytes: sectorBytes });
        expect(map.partitions).toMatchObject([
          { number: 1, type: '05' },
          { number: 5, fileSystem: null },
          { number: 6, type: '8e', fileSystem: 'LVM2_member', reader: 'lvm2' },
        ]);
        expect(invertToBlocks(map.used, witness)).toEqual(witness.free);
        await captureImage({ sourcePath, imageName: 'nested', store });
        await restoreImage({ imageName: 'nested', targetPath, store, holes: 'leave' });
      });
      const { partitions } = await loadManifest(store, 'nested');
      expect(partitions[2]?.volumes).toMatchObject([
        { name: expect.stringMatching(/\/root$/), fileSystem: 'ext4', reader: 'ext', notes: [] },
        { name: expect.stringMatching(/\/swap$/), fileSystem: 'swap', reader: 'swap', usedBytes: 4096 },
      ]);
      expect((await readFile(target)).subarray(0, 512)).toEqual((await readFile(source)).subarray(0, 512));
      await checkLvm(target, testCase);
      const files = await listLvmFiles(source, join(folder, 'before'), testCase);
      expect(await listLvmFiles(target, join(folder, 'after'), testCase)).toEqual(files);
    });
  });
});

/** Both files as disks with sectors of that size. */
async function onDisks(
  [source, target]: readonly [string, string],
  sectorBytes: number,
  work: (devicePaths: readonly [string, string]) => Promise<void>,
): Promise<void> {
  const flags = ['--sector-size', String(sectorBytes)];
  await withLoop(source, flags, (one) => withLoop(target, flags, (two) => work([one, two])));
}
