// Every kind of XFS that mkfs.xfs makes, against xfs_db, the kernel and partclone, and back over random bytes.

import { run } from '../fixtures/run.ts';
import { xfsCases } from '../fixtures/xfs-cases.ts';
import { askKernel, askXfsDb, askXfsPartclone, listMounted, listUnmounted } from '../fixtures/xfs-oracles.ts';
import { fileSystemConformance } from './file-system-conformance.ts';

fileSystemConformance({
  reader: 'xfs',
  cases: xfsCases,
  askWitnesses: async (filePath, { version }) => {
    const witness = await askXfsDb(filePath);
    const partclone = await askXfsPartclone(filePath, witness);
    return [witness, ...partclone, ...(version === 5 ? [await askKernel(filePath, witness)] : [])];
  },
  check: (filePath) => run('xfs_repair', '-n', '-o', 'force_geometry', filePath),
  listFiles: (filePath, _scratch, { version }) => (version === 5 ? listMounted : listUnmounted)(filePath),
});
