// What a rewritten partition table is to say: the step between a fitted layout (fit/) and the writers of GPT and MBR.

/** Where a partition is to lie, in bytes from the disk's start. */
export type Place = { readonly startBytes: number; readonly sizeBytes: number };

/** New identities: GUIDs in lower case for a GPT, an eight-digit signature for an MBR (whose partitions' ids follow from it). */
export type NewTableIds = { readonly diskId: string; readonly partitionIds: ReadonlyMap<number, string> };

export type TableChange = {
  /** Of the disk that the table is for. */
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  /** By partition number; a partition that is not listed stays where it is. */
  readonly places: ReadonlyMap<number, Place>;
  readonly ids?: NewTableIds;
};

/** Bytes that take the place of others, at `offsetBytes` of the disk. */
export type Patch = { readonly offsetBytes: number; readonly bytes: Buffer };
