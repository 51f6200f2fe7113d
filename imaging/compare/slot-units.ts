// The used slots of two images side by side, also where their chunks differ in size: grouped by the larger of the two.
import type { Extent } from '../extent.ts';
import { mergeExtents } from '../extent.ts';
import type { Slot } from '../manifest/segment.ts';

/** `used` is relative to the unit; units with equal keys (and chunk sizes) have the same content. */
export type Unit = { readonly index: number; readonly used: readonly Extent[]; readonly key: string };

const hole: Omit<Unit, 'index'> = { used: [], key: '' };

/** Slots in units of `unitBytes`, a multiple of their chunk size. */
export function* unitsOf(
  slots: Iterable<Slot>,
  { chunkSizeBytes }: { readonly chunkSizeBytes: number },
  unitBytes: number,
): Generator<Unit> {
  const ratio = unitBytes / chunkSizeBytes;
  let index = -1;
  let group: Slot[] = [];
  for (const slot of slots) {
    const unit = Math.floor(slot.index / ratio);
    if (unit !== index && group.length > 0) yield unitOf(index, group, chunkSizeBytes, ratio);
    if (unit !== index) group = [];
    index = unit;
    group.push(slot);
  }
  if (group.length > 0) yield unitOf(index, group, chunkSizeBytes, ratio);
}

function unitOf(index: number, slots: readonly Slot[], chunkSizeBytes: number, ratio: number): Unit {
  const used = slots.flatMap((slot) => {
    const from = (slot.index - index * ratio) * chunkSizeBytes;
    return slot.used.map(({ startBytes, lengthBytes }) => ({ startBytes: from + startBytes, lengthBytes }));
  });
  const digests = slots.map(({ digest }) => digest ?? '-').join();
  const places = used.map(({ startBytes, lengthBytes }) => `${startBytes}+${lengthBytes}`).join();
  return { index, used: mergeExtents(used), key: `${digests} ${places}` };
}

/** Both images' units in order, a hole where only one has the unit. */
export function* joinUnits(
  left: Iterable<Unit>,
  right: Iterable<Unit>,
): Generator<[left: Omit<Unit, 'index'>, right: Omit<Unit, 'index'>, index: number]> {
  const [lefts, rights] = [left[Symbol.iterator](), right[Symbol.iterator]()];
  let [a, b] = [lefts.next(), rights.next()];
  while (a.done !== true || b.done !== true) {
    const [atA, atB] = [
      a.done ? Number.POSITIVE_INFINITY : a.value.index,
      b.done ? Number.POSITIVE_INFINITY : b.value.index,
    ];
    const index = Math.min(atA, atB);
    yield [a.done || atA > index ? hole : a.value, b.done || atB > index ? hole : b.value, index];
    if (atA === index) a = lefts.next();
    if (atB === index) b = rights.next();
  }
}
