// What a capture would read: a whole disk or a bare file system, its table, its partitions and the used extents of all of it.
import type { Extent } from './extent.ts';

/** The partition table a disk carries; `none` is a bare file system or nothing recognised. */
export type TableType = 'gpt' | 'mbr' | 'none';

/** A logical volume inside a partition, and what a reader found in it. */
export type VolumeMap = {
  /** Group and volume: `vg0/root`. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly fileSystem: string | null;
  readonly fileSystemUuid: string | null;
  readonly fileSystemLabel: string | null;
  readonly reader: string;
  /** Of its own extents; one copy of a mirror. */
  readonly usedBytes: number;
  readonly notes: readonly string[];
};

/** One partition, or the whole disk (number 0) where there is no table. */
export type PartitionMap = {
  /** As the kernel numbers it; 0 for a bare file system. */
  readonly number: number;
  readonly startBytes: number;
  readonly sizeBytes: number;
  /** GPT type GUID in lower case, or MBR type as two hex digits; null for a bare file system. */
  readonly type: string | null;
  /** GPT unique partition GUID, or MBR `diskid-NN`; null for a bare file system. */
  readonly partitionUuid: string | null;
  /** GPT partition name; null elsewhere. */
  readonly partitionName: string | null;
  readonly fileSystem: string | null;
  readonly fileSystemUuid: string | null;
  readonly fileSystemLabel: string | null;
  /** Which reader vouches for the used bytes: `ext`, `swap`, `raw`, … */
  readonly reader: string;
  readonly usedBytes: number;
  readonly notes: readonly string[];
  /** The logical volumes in it, where it is a physical volume that could be read. */
  readonly volumes?: readonly VolumeMap[];
};

export type DiskMap = {
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  readonly table: TableType;
  /** GPT disk GUID or MBR disk signature (8 hex digits); null without a table. */
  readonly diskId: string | null;
  readonly partitions: readonly PartitionMap[];
  /** Merged, in order, in bytes from the start of the disk: partitions' used extents, tables, boot code and what is kept of the space in no partition. */
  readonly used: readonly Extent[];
  /** Of those, the bytes whose content means nothing, which a capture takes as zeros unread. Merged, in order. */
  readonly blank?: readonly Extent[];
  /** What a person should know of the disk as a whole (hybrid MBR, damaged backup table, why all of it is raw); a partition's notes are its own. */
  readonly notes?: readonly string[];
};
