// The LVM2 reader against pvs, and the file systems in the volumes against their own tools, and all of it back over random bytes.
import { lvmCases } from '../fixtures/lvm-cases.ts';
import { askLvm, checkLvm, listLvmFiles } from '../fixtures/lvm-oracles.ts';
import { fileSystemConformance } from './file-system-conformance.ts';

fileSystemConformance({
  reader: 'lvm2',
  cases: lvmCases,
  askWitnesses: async (filePath, testCase) => [await askLvm(filePath, testCase)],
  check: checkLvm,
  listFiles: listLvmFiles,
});
