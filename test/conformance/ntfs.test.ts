// Every kind of NTFS that mkntfs makes, against ntfscat, ntfsresize and partclone, and back over random bytes.
import { makeNtfs, type NtfsCase, ntfsCases } from '../fixtures/ntfs-cases.ts';
import { askNtfscat, askPartcloneNtfs, checkNtfs, listNtfsFiles } from '../fixtures/ntfs-oracles.ts';
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
