// What is on a target before a restore touches it: what a plan is held against, and where comparing starts from.

import { openReader } from './blockdev/open-reader.ts';
import { type RestoreMark, readMark } from './blockdev/restore-mark.ts';
import type { Target } from './blockdev/target.ts';
import { digestOf } from './chunk/digest.ts';
import type { TableType } from './disk-map.ts';
import type { Partition } from './partition/partition.ts';
import { readTable } from './partition/read-table.ts';
import type { Digest } from './store/chunk-store.ts';

export type PresentTarget = {
  /** Of the first and last MiB; of a disk that a restore has left unfinished, as they were before it. */
  readonly tablesDigest: Digest;
  readonly blank: boolean;
  readonly table: TableType;
  readonly diskId: string | null;
  readonly partitions: readonly Partition[];
  /** What an unfinished restore has left. */
  readonly mark: RestoreMark | null;
};

const edgeBytes = 2 ** 20;

/** @throws source-read, source-vanished */
export async function readPresentTarget({
  path,
  sizeBytes,
}: Pick<Target, 'path' | 'sizeBytes'>): Promise<PresentTarget> {
  const reader = await openReader(path);
  try {
    const length = Math.min(edgeBytes, sizeBytes);
    const edges = Buffer.concat([await reader.read(0, length), await reader.read(sizeBytes - length, length)]);
    const mark = await readMark(reader);
    const found = await readTable(reader);
    const table = found.kind === 'table' ? found.table : null;
    return {
      tablesDigest: mark?.tablesDigest ?? digestOf(edges),
      blank: edges.equals(Buffer.alloc(edges.length)),
      table: table?.type ?? 'none',
      diskId: table?.diskId ?? null,
      partitions: table?.partitions ?? [],
      mark,
    };
  } finally {
    await reader.close();
  }
}
