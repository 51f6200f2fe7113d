// What every file-system reader must do: agree with witnesses of its own kind, and bring whole file systems back over random bytes.
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { captureImage } from '../../imaging/capture.ts';
import { subtract } from '../../imaging/chunk/ranges.ts';
import type { DiskMap } from '../../imaging/disk-map.ts';
import { mapDisk } from '../../imaging/map.ts';
import { restoreImage } from '../../imaging/restore.ts';
import { openMemoryStore } from '../../imaging/store/memory-store.ts';
import { type BlockRun, invertToBlocks, joinRuns, toBlocks, type Witness } from '../fixtures/block-runs.ts';
import { copyRanges } from '../fixtures/copy-ranges.ts';
import { unlessAllEach } from '../fixtures/run-all.ts';
import { smallFilesFolder, withTempDirectory } from '../fixtures/temp-directory.ts';

/** One file system to be made: a set of features, a geometry, a history. */
export type FileSystemCase = {
  readonly name: string;
  /** Writes the file system, with files in it, to a file that does not exist yet. */
  readonly make: (filePath: string) => Promise<void>;
  /** False where it is too large to be restored over random bytes, which lie in every hole. */
  readonly roundTrip?: boolean;
};

/** A kind of file system, and the programs that know it besides us. */
export type FileSystemKind<Case extends FileSystemCase> = {
  /** The reader that must answer. */
  readonly reader: string;
  readonly cases: readonly Case[];
  /** The free blocks, by each witness that has an opinion on this case; at least one. */
  /** The used blocks whose content means nothing, where the kind has such. */
  readonly askBlank?: (filePath: string, testCase: Case) => Promise<readonly BlockRun[]>;
  readonly askWitnesses: (filePath: string, testCase: Case) => Promise<readonly Witness[]>;
  /** The file system's own check, without repairs; it throws when there is anything to complain of. */
  readonly check: (filePath: string, testCase: Case) => Promise<unknown>;
  /** A line for each file with its path, attributes and a digest; `scratch` may be made a folder. */
  readonly listFiles: (filePath: string, scratch: string, testCase: Case) => Promise<readonly string[]>;
};

const MiB = 1024 * 1024;
/** The engine does the same with every map: each so many-th case goes through it, the others are copied as their maps say. */
const throughEngine = 6;
/** Of each so many cases one is always run: it is in all of these that a reader meets what is new to it, and it hardly changes. */
const usually = 3;

/** Registers the suite: each file system is made once, held against its witnesses, and brought back. */
export function fileSystemConformance<Case extends FileSystemCase>(kind: FileSystemKind<Case>): void {
  describe(`the ${kind.reader} reader agrees with its witnesses, and back comes whole:`, () => {
    const numbered = kind.cases.map((testCase, number) => ({ name: testCase.name, number, testCase }));
    test.concurrent.for(unlessAllEach(usually, numbered))('$name', async ({ number, testCase }, { expect }) => {
      await withTempDirectory(async (folder) => {
        const source = join(folder, 'source.img');
        await testCase.make(source);
        const map = await mapDisk(source);
        expect(map.partitions[0]).toMatchObject({ reader: kind.reader, notes: [] });
        const witnesses = await kind.askWitnesses(source, testCase);
        expect(witnesses.length).toBeGreaterThan(0);
        for (const witness of witnesses) expect(invertToBlocks(map.used, witness)).toEqual(witness.free);
        const blank = (await kind.askBlank?.(source, testCase)) ?? [];
        expect(toBlocks(map.blank ?? [], witnesses[0]?.blockBytes ?? 0)).toEqual(joinRuns(blank));
        if (testCase.roundTrip === false) return;
        const target = await (number % throughEngine === 0
          ? bringBack(source, folder)
          : copyByMap(source, map, folder));
        await kind.check(target, testCase);
        const inMemory = await smallFilesFolder();
        const list = (filePath: string) =>
          withTempDirectory((scratch) => kind.listFiles(filePath, join(scratch, 'files'), testCase), inMemory);
        const files = await list(source);
        expect(files.length).toBeGreaterThan(0);
        expect(await list(target)).toEqual(files);
      });
    });
  });
}

/** Captures `source` and restores it to a file in `folder` over random bytes, which stay in the holes. */
export async function bringBack(source: string, folder: string): Promise<string> {
  const store = openMemoryStore();
  const target = join(folder, 'target.img');
  const { sizeBytes } = await captureImage({ sourcePath: source, imageName: 'tree', store, workers: 1 });
  await makeRandomFile(target, sizeBytes);
  await restoreImage({ imageName: 'tree', targetPath: target, store, holes: 'leave', workers: 1 });
  return target;
}

/** The same without an image: what is used is copied, and what is blank is zeros. */
async function copyByMap(source: string, { used, blank = [], sizeBytes }: DiskMap, folder: string): Promise<string> {
  const target = join(folder, 'target.img');
  await makeRandomFile(target, sizeBytes);
  for (const [from, extents] of [
    [source, subtract(used, blank)],
    ['/dev/zero', blank],
  ] as const) {
    copyRanges(
      from,
      target,
      extents.map(({ startBytes, lengthBytes }) => [startBytes, startBytes, lengthBytes]),
    );
  }
  return target;
}

/** A file of `sizeBytes`, without a zero page anywhere. */
async function makeRandomFile(filePath: string, sizeBytes: number): Promise<void> {
  const noise = randomBytes(MiB);
  await using handle = await open(filePath, 'w');
  for (let at = 0; at < sizeBytes; at += MiB) await handle.write(noise, 0, Math.min(MiB, sizeBytes - at), at);
}
