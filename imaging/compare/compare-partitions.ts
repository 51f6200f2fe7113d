// Which partitions of two images differ: in the table, in what they hold, in how much of it.
import { intersect } from '../chunk/ranges.ts';
import { type Extent, totalBytes } from '../extent.ts';
import type { Manifest } from '../manifest/manifest.ts';

/** Used in both and different; used only in the second; used only in the first. Merged, in order. */
export type ContentChange = {
  readonly changed: readonly Extent[];
  readonly added: readonly Extent[];
  readonly removed: readonly Extent[];
};

type Partition = Manifest['partitions'][0];

export type PartitionChange = {
  readonly number: number;
  readonly what: 'added' | 'removed' | 'changed';
  /** Entries of the table, names and UUIDs that differ, with both values. */
  readonly fields: { readonly [key: string]: readonly [unknown, unknown] };
  /** Bytes inside it (as `to` has it, else as `from` had it) that changed, were added or removed. */
  readonly bytes: number;
};

const compared = [
  ...(['startBytes', 'sizeBytes', 'type', 'partitionUuid', 'partitionName'] as const),
  ...(['fileSystem', 'fileSystemUuid', 'fileSystemLabel', 'reader'] as const),
];

/** By number; those without any difference are left out. */
export function comparePartitions(
  from: readonly Partition[],
  to: readonly Partition[],
  content: ContentChange,
): PartitionChange[] {
  const numbers = [...new Set([...from, ...to].map(({ number }) => number))].sort((a, b) => a - b);
  return numbers.flatMap((number) => {
    const before = from.find((partition) => partition.number === number);
    const after = to.find((partition) => partition.number === number);
    const fields = before === undefined || after === undefined ? {} : compareFields(before, after);
    const bytes = bytesInside((after ?? before) as Partition, content);
    if (before !== undefined && after !== undefined && Object.keys(fields).length === 0 && bytes === 0) return [];
    return [
      { number, what: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed', fields, bytes },
    ];
  });
}

function compareFields(before: Partition, after: Partition): PartitionChange['fields'] {
  const different = compared.filter((key) => before[key] !== after[key]);
  return Object.fromEntries(different.map((key) => [key, [before[key], after[key]]]));
}

function bytesInside({ startBytes, sizeBytes }: Partition, { changed, added, removed }: ContentChange): number {
  const inside = [{ startBytes, lengthBytes: sizeBytes }];
  return [changed, added, removed].reduce((sum, extents) => sum + totalBytes(intersect(extents, inside)), 0);
}
