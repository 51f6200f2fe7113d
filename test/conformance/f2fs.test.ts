// Every kind of F2FS that mkfs.f2fs makes, and some that a kernel filled, against dump.f2fs and partclone, and back over random bytes.
import { f2fsCases } from '../fixtures/f2fs-cases.ts';
import { askDumpF2fs, askF2fsPartclone, listF2fsFiles } from '../fixtures/f2fs-oracles.ts';
import { run } from '../fixtures/run.ts';
import { fileSystemConformance } from './file-system-conformance.ts';

fileSystemConformance({
  reader: 'f2fs',
  cases: f2fsCases,
  askWitnesses: async (filePath) => {
    const witness = await askDumpF2fs(filePath);
    return [witness, ...(await askF2fsPartclone(filePath, witness))];
  },
  check: (filePath) => run('fsck.f2fs', '--dry-run', filePath),
  listFiles: listF2fsFiles,
});
