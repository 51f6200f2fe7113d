// Every kind of exFAT that mkfs.exfat makes, against dump.exfat, fsck.exfat and partclone, and back over random bytes.
import { type ExfatCase, exfatCases, makeExfat } from '../fixtures/exfat-cases.ts';
import { askDumpExfat, askPartcloneExfat, checkExfat, listExfatFiles } from '../fixtures/exfat-oracles.ts';
import { fileSystemConformance } from './file-system-conformance.ts';

fileSystemConformance({
  reader: 'exfat',
  cases: exfatCases.map((exfatCase: ExfatCase) => ({
    ...exfatCase,
    make: (filePath: string) => makeExfat(exfatCase, filePath),
  })),
  askWitnesses: async (filePath) => [await askDumpExfat(filePath), await askPartcloneExfat(filePath)],
  check: checkExfat,
  listFiles: listExfatFiles,
});
