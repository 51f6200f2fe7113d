// What a restore with new ids answers: which ids are new, and which are still those that were captured.

/** Of a disk, a partition, a volume group or a file system; `partition` is 0 for the disk, and for a file system without a table. */
export type IdChange = {
  readonly of: 'disk' | 'partition' | 'volume-group' | 'file-system';
  readonly partition: number;
  /** The volume group, or the logical volume that the file system is in (`vg0/root`); null outside of LVM2. */
  readonly volume: string | null;
  readonly fileSystem: string | null;
  readonly oldId: string | null;
  readonly newId: string;
};

export type KeptId = {
  readonly partition: number;
  /** The logical volume that it is in. */
  readonly volume: string | null;
  /** Null in a volume that was not looked into. */
  readonly fileSystem: string | null;
  readonly id: string | null;
  readonly why: string;
};

export type NewIds = {
  readonly changed: readonly IdChange[];
  /** File systems that have the id that was captured. */
  readonly kept: readonly KeptId[];
};

/** In what a person reads: `partition 3, volume vg0/root`. */
export function describePlace({ partition, volume }: Pick<KeptId, 'partition' | 'volume'>, whole: string): string {
  const what = partition === 0 ? [] : [`partition ${partition}`];
  return [...what, ...(volume === null ? [] : [`volume ${volume}`])].join(', ') || whole;
}
