// Every kind of FAT that mkfs.fat makes, against mtools, fsck.fat and partclone, and back over random bytes.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mapDisk } from '../../imaging/map.ts';
import { type FatCase, fatCases, makeEmptyFat, makeFat } from '../fixtures/fat-cases.ts';
import { askMtools, askPartcloneFat, listFatFiles } from '../fixtures/fat-oracles.ts';
import { run } from '../fixtures/run.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { fileSystemConformance } from './file-system-conformance.ts';

fileSystemConformance({
  reader: 'fat',
  cases: fatCases.map((fatCase: FatCase) => ({
    ...fatCase,
    make: (filePath: string) => makeFat(fatCase, filePath),
  })),
  askWitnesses: async (filePath) => [await askMtools(filePath), (await askPartcloneFat(filePath)) ?? []].flat(),
  check: (filePath) => run('fsck.fat', '-n', filePath),
  listFiles: listFatFiles,
});

test.for([
  ['-F 12 -s 8', 8192],
  ['-F 16 -s 1', 16384],
  ['-F 32 -s 1', 40960],
] as const)('clusters marked bad are not read: %s', async ([flags, sizeKiB]) => {
  await withTempDirectory(async (folder) => {
    const filePath = join(folder, 'fat.img');
    const listPath = join(folder, 'bad');
    const badKiB = [3000, 3001, 3002, 3003, 6000];
    await writeFile(listPath, badKiB.join('\n'));
    await makeEmptyFat({ sizeKiB, flags: `${flags} -l ${listPath}` }, filePath);
    const map = await mapDisk(filePath);
    expect(map.partitions[0]).toMatchObject({
      reader: 'fat',
      notes: [expect.stringMatching(/\d+ clusters are marked bad/)],
    });
    for (const { startBytes, lengthBytes } of map.used) {
      for (const at of badKiB) expect(startBytes > at * 1024 || startBytes + lengthBytes <= at * 1024).toBe(true);
    }
  });
});
