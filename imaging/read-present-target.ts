// What is on a target before a restore touches it: what a plan is held against, and where comparing starts from.
import { DeployError } from '../protocol/errors.ts';
import { type ByteReader, windowOf } from './blockdev/byte-reader.ts';
import { openReader } from './blockdev/open-reader.ts';
import { type RestoreMark, readMark } from './blockdev/restore-mark.ts';
import type { Target } from './blockdev/target.ts';
import { digestOf } from './chunk/digest.ts';
import type { TableType } from './disk-map.ts';
import type { TargetPartition } from './fit/target-partition.ts';
import { readTableSectors, type TableSectors } from './manifest/table-sectors.ts';
import type { Partition } from './partition/partition.ts';
import { readTable } from './partition/read-table.ts';
import type { Digest } from './store/chunk-store.ts';

export type PresentTarget = {
  /** Of the first and last MiB; of a target that a restore has left unfinished, as they were before it. */
  readonly tablesDigest: Digest;
  readonly blank: boolean;
  readonly table: TableType;
  readonly diskId: string | null;
  readonly partitions: readonly Partition[];
  /** What an unfinished restore has left. */
  readonly mark: RestoreMark | null;
};

/** Of one partition: the digest, blankness and the mark are the partition's, the rest is its disk's. */
export type PresentPartition = PresentTarget & {
  /** The sectors of the disk that say where its partitions are, and their digest. */
  readonly tableSectors: readonly TableSectors[];
  readonly tableSectorsDigest: Digest;
};

const edgeBytes = 2 ** 20;

/** @throws source-read, source-vanished */
export async function readPresentTarget({
  path,
  sizeBytes,
}: Pick<Target, 'path' | 'sizeBytes'>): Promise<PresentTarget> {
  return await reading(path, async (reader) => ({
    ...(await readContent(windowOf(reader, 0, sizeBytes))),
    ...(await readLayout(reader)),
  }));
}

/**
 * What is in the partition, and the tables of its disk at `diskPath`.
 * @throws target-changed when it is no longer where it was found; source-read, source-vanished
 */
export async function readPresentPartition(diskPath: string, to: TargetPartition): Promise<PresentPartition> {
  const content = await reading(to.path, (reader) => readContent(windowOf(reader, to.startBytes, to.sizeBytes)));
  return await reading(diskPath, async (disk) => {
    const layout = await readLayout(disk);
    const { startBytes, sizeBytes } = layout.partitions.find(({ number }) => number === to.number) ?? {};
    if (to.number !== 0 && (startBytes !== to.namedStartBytes || sizeBytes !== to.sizeBytes)) {
      throw new DeployError(
        'target-changed',
        `${to.label} is not where it was a moment ago: the partition table changed`,
      );
    }
    const tableSectors = await readTableSectors(disk, layout);
    const tableSectorsDigest = digestOf(Buffer.from(JSON.stringify(tableSectors)));
    return { ...content, ...layout, tableSectors, tableSectorsDigest };
  });
}

async function readContent(content: ByteReader): Promise<Pick<PresentTarget, 'tablesDigest' | 'blank' | 'mark'>> {
  const length = Math.min(edgeBytes, content.sizeBytes);
  const edges = Buffer.concat([await content.read(0, length), await content.read(content.sizeBytes - length, length)]);
  const mark = await readMark(content);
  return { tablesDigest: mark?.tablesDigest ?? digestOf(edges), blank: edges.equals(Buffer.alloc(edges.length)), mark };
}

async function readLayout(disk: ByteReader): Promise<Pick<PresentTarget, 'table' | 'diskId' | 'partitions'>> {
  const found = await readTable(disk);
  const table = found.kind === 'table' ? found.table : null;
  return { table: table?.type ?? 'none', diskId: table?.diskId ?? null, partitions: table?.partitions ?? [] };
}

async function reading<Result>(path: string, work: (reader: ByteReader) => Promise<Result>): Promise<Result> {
  const reader = await openReader(path);
  try {
    return await work(reader);
  } finally {
    await reader.close();
  }
}
