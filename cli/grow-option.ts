// --grow: the partition that takes the free space of a larger disk, and the logical volume in it if one is named.
import { InvalidArgumentError } from 'commander';

export type Growing = { readonly grow: 'none' | 'last' | number; readonly growVolume?: string };

/** `none`, `last`, `3`, `last:root`, `3:vg0/root`; names of volumes and groups have no colon (lvm(8), "Valid names"). */
export function parseGrowing(text: string): Growing {
  const [, partition = '', growVolume] = /^(none|last|\d{1,4})(?::([^:]+))?$/.exec(text) ?? [];
  if (partition === '' || (partition === 'none' && growVolume !== undefined))
    throw new InvalidArgumentError('none, last or a number is wanted, and where that is LVM2 behind a colon a volume');
  const grow = partition === 'none' || partition === 'last' ? partition : Number(partition);
  return growVolume === undefined ? { grow } : { grow, growVolume };
}
