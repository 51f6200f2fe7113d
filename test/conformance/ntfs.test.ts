// Every kind of NTFS that mkntfs makes, against ntfscat, ntfsresize and partclone, and back over random bytes.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mapDisk } from '../../imaging/map.ts';
import { expectSane } from '../fixtures/map-expectations.ts';
import { withFuse } from '../fixtures/mounts.ts';
import { makeNtfs, type NtfsCase, ntfsCases } from '../fixtures/ntfs-cases.ts';
import { askNtfscat, askPartcloneNtfs, checkNtfs, listNtfsFiles } from '../fixtures/ntfs-oracles.ts';
import { changeRecord, clusterBytesOf } from '../fixtures/ntfs-surgery.ts';
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

const scattered = ntfsCases.find((ntfsCase) => ntfsCase.scattered) as NtfsCase;

describe('a hiberfil.sys in the root directory, among thousands of names,', () => {
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

test('no damage to an MFT in pieces makes the reader throw, hang or answer with extents outside', async () => {
  await withTempDirectory(async (folder) => {
    const filePath = join(folder, 'ntfs.img');
    await makeNtfs(scattered, filePath);
    const bytes = await readFile(filePath);
    // The records that hold the MFT's own pieces are the last of the reserved ones and the first behind them.
    const edit = fc.tuple(fc.constantFrom(0, 0, 15, 16, 17), fc.integer({ min: 16, max: 1023 }), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 4 }), async (edits) => {
        const mftAt = Number(bytes.readBigUInt64LE(48)) * clusterBytesOf(bytes);
        const before = Buffer.from(bytes.subarray(mftAt, mftAt + 32 * 1024));
        for (const [number, at, value] of edits) {
          changeRecord(bytes, number, (record) => record.writeUInt8(value, at >= 40 && at < 64 ? at + 24 : at));
        }
        try {
          await expectSane(bytes);
        } finally {
          before.copy(bytes, mftAt);
          // Record 0 is in the mirror too.
          before.copy(bytes, Number(bytes.readBigUInt64LE(56)) * clusterBytesOf(bytes), 0, 1024);
        }
      }),
      { numRuns: 300 },
    );
  });
});
