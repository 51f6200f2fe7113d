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
  /** A GPT whose protective MBR lists partitions of its own, which need not be the same. */
  readonly hybrid?: boolean;
};

/** Windows' dynamic disks: their volumes are told of by a database in the last MiB of an MBR disk, or in a partition of a GPT (Linux Documentation/admin-guide/ldm.rst). */
export const dynamicTypes = ['42', '5808c8aa-7e8f-42e0-85d2-e1e90434cfb3', 'af9b60a0-1431-4f62-bc68-3311714a69ad'];

/** What was found: a table, nothing, or the reason why the table that is there cannot be believed. */
export type TableFinding =
  | { readonly kind: 'table'; readonly table: PartitionTable }
  | { readonly kind: 'none' }
  | { readonly kind: 'unusable'; readonly type: 'gpt' | 'mbr'; readonly reason: string };
