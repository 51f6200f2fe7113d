// Every kind of NTFS that mkntfs makes, against ntfscat, ntfsresize and partclone, and back over random bytes.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { mapDisk } from '../../imaging/map.ts';
import { withFuse } from '../fixtures/mounts.ts';
import { makeNtfs, type NtfsCase, ntfsCases } from '../fixtures/ntfs-cases.ts';
import { askNtfscat, askPartcloneNtfs, checkNtfs, listNtfsFiles } from '../fixtures/ntfs-oracles.ts';
import { withTempDirectory } from '../fixtures/temp-directory.ts';
import { fileSystemConformance } from './file-system-conformance.ts';

fileSystemConformance({
  reader: 'ntfs',
  cases: ntfsCases.map((ntfsCase: NtfsCase) => ({
    ...ntfsCase,
    make: (filePath: string) => makeNtfs(ntfsCase, filePath),
  })),
  askWitnesses: async (filePath) => [await askNtfscat(filePath), await askPartcloneNtfs(filePath)],
  check: checkNtfs,
  listFiles: listNtfsFiles,
});

describe('a hiberfil.sys in the root directory, among thousands of names,', () => {
  const scattered = ntfsCases.find((ntfsCase) => ntfsCase.scattered) as NtfsCase;
  const cases: [name: string, content: Buffer, reason: RegExp | null][] = [
    ['of a sleeping Windows', Buffer.alloc(9000, 'HIBR'), /Windows is hibernated in it/],
    ['of a sleeping older one', Buffer.alloc(9000, 'hibr'), /Windows is hibernated in it/],
    ['that names another volume', Buffer.from('\\??\\Volume'), /Windows that has it mounted is hibernated/],
    ['of a Windows that woke up', Buffer.alloc(9000, 'wake'), null],
    ['that was never written', Buffer.alloc(9000), null],
  ];
  test('has the volume captured whole unless the system is awake', async () => {
    await withTempDirectory(async (folder) => {
      const filePath = join(folder, 'ntfs.img');
      await makeNtfs(scattered, filePath);
      for (const [name, content, reason] of cases) {
        await withFuse('ntfs-3g', filePath, 'rw', (root) => writeFile(join(root, 'Hiberfil.sys'), content));
        const [partition] = (await mapDisk(filePath)).partitions;
        expect(partition?.reader, name).toBe(reason === null ? 'ntfs' : 'raw');
        expect(partition?.notes.join(), name).toMatch(reason ?? /^$/);
      }
    });
  });
});
