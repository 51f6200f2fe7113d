// What a partition table says, before anyone looks into the partitions.
import type { Extent } from '../extent.ts';

/** As many as a manifest lists (docs/format.md), and four times as many as the kernel makes devices for. */
export const maxPartitions = 1024;

/** One entry of a table. Both byte values are multiples of the sector size and lie within the disk. */
export type Partition = {
  /** As the kernel numbers it. */
  readonly number: number;
  readonly startBytes: number;
  readonly sizeBytes: number;
  readonly type: string;
  readonly uuid: string;
  readonly name: string | null;
  /** An extended MBR partition: a container whose logical partitions are listed on their own. */
  readonly container: boolean;
};

/** A table that holds together. `ownExtents` are the sectors of the table itself, wherever they lie. */
export type PartitionTable = {
  readonly type: 'gpt' | 'mbr';
  readonly diskId: string;
  readonly sectorSizeBytes: number;
  readonly partitions: readonly Partition[];
  readonly ownExtents: readonly Extent[];
  readonly notes: readonly string[];
};

/** What was found: a table, nothing, or the reason why the table that is there cannot be believed. */
export type TableFinding =
  | { readonly kind: 'table'; readonly table: PartitionTable }
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable'; readonly type: 'gpt' | 'mbr'; readonly reason: string };
