// Where a file system's tool may write in a volume group: the bytes of a volume that rests on nothing but its own extents, once each.
import type { LvmGroup, LvmVolume } from '../fs/lvm-group.ts';
import { findCopies, type LvmLeg } from '../fs/lvm-legs.ts';

/** All bytes of `volume`, linear or striped, on this one physical volume; or in words why they are not a tool's to change. */
export function findWritableLeg(group: LvmGroup, volume: LvmVolume): LvmLeg | string {
  if (group.deviceCount > 1) return `its group lies on ${group.deviceCount} physical volumes`;
  const copies = findCopies(group, volume);
  if (typeof copies === 'string') return copies;
  const [leg, ...others] = copies;
  if (leg === undefined || others.length > 0) return 'it is mirrored';
  return volume.states.includes('WRITE') ? leg : 'it is read-only';
}
