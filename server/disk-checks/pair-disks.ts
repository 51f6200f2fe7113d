// Which disk of one check is which of another: by id first, and where an id is not enough, by where the disk hangs.
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import { sortBy } from './sort-by.ts';

export type Pair = { readonly before: CheckedDisk; readonly after: CheckedDisk };
export type Pairing = {
  readonly pairs: readonly Pair[];
  readonly gone: readonly CheckedDisk[];
  readonly new: readonly CheckedDisk[];
};

type Disks = readonly CheckedDisk[];

/** The order in which either list is given does not matter. */
export function pairDisks(before: Disks, after: Disks): Pairing {
  const pairs: Pair[] = [];
  let [left, right] = [inOrder(before), inOrder(after)];
  // Disks of one id that several claim are told apart by their places; one whose id has changed, by its place and by what it says of itself.
  for (const keyOf of [uniqueIdOf(left, right), idAndPlaceOf, idOf, sameDeviceOf]) {
    const found = pairBy(left, right, keyOf);
    pairs.push(...found);
    const paired = new Set(found.flatMap(({ before, after }) => [before, after]));
    left = left.filter((disk) => !paired.has(disk));
    right = right.filter((disk) => !paired.has(disk));
  }
  return { pairs, gone: left, new: right };
}

type KeyOf = (disk: CheckedDisk) => string | null;

/** Disks of one key pair in their order. */
function pairBy(before: Disks, after: Disks, keyOf: KeyOf): Pair[] {
  const waiting = Map.groupBy(after.toReversed(), keyOf);
  waiting.delete(null);
  return before.flatMap((disk) => {
    const other = waiting.get(keyOf(disk))?.pop();
    return other === undefined ? [] : [{ before: disk, after: other }];
  });
}

function uniqueIdOf(before: Disks, after: Disks): KeyOf {
  const shared = new Set([...listSharedIds(before), ...listSharedIds(after)]);
  return ({ id }) => (shared.has(id) ? null : id);
}

/** Ids that more than one of the disks has. */
export function listSharedIds(disks: Disks): string[] {
  const ids = disks.map(({ id }) => id).sort();
  return [...new Set(ids.filter((id, i) => id === ids[i - 1]))];
}

function idAndPlaceOf({ id, place }: CheckedDisk): string {
  return JSON.stringify([id, place]);
}

function idOf({ id }: CheckedDisk): string {
  return id;
}

function sameDeviceOf({ kind, place, model, serial, wwn }: CheckedDisk): string | null {
  return place === '' || (serial === null && wwn === null) ? null : JSON.stringify([kind, place, model, serial, wwn]);
}

function inOrder(disks: Disks): Disks {
  return sortBy(disks, ({ id, place, number }) => JSON.stringify([id, place, number]));
}
