// Cuts a disk's used extents into chunk slots, segment by segment, in order: what the capture pipeline walks through.
import type { Extent } from '../extent.ts';

/** The used extents of one chunk slot, relative to the slot's first byte; a slot without any is a hole and is not listed. */
export type UsedSlot = { readonly index: number; readonly used: readonly Extent[] };

/** One segment of the disk: `slots` counts from the segment's first byte and leaves out holes. */
export type SegmentPlan = { readonly index: number; readonly lengthBytes: number; readonly slots: readonly UsedSlot[] };

/** What a segment covers, in bytes; a multiple of every chunk size. */
export const segmentSizeBytes = 4 * 2 ** 30;

/** The length of slot `index` of a segment or disk of `lengthBytes`: the last one may be shorter. */
export function slotLengthBytes(lengthBytes: number, chunkSizeBytes: number, index: number): number {
  return Math.min(chunkSizeBytes, lengthBytes - index * chunkSizeBytes);
}

/** Every segment of a disk, all-hole ones too. `used` is merged and in order; at most one segment's slots exist at a time. */
export function* planSegments(
  used: readonly Extent[],
  sizeBytes: number,
  chunkSizeBytes: number,
): Generator<SegmentPlan> {
  let next = 0;
  for (let index = 0; index * segmentSizeBytes < sizeBytes; index++) {
    const startBytes = index * segmentSizeBytes;
    const endBytes = Math.min(sizeBytes, startBytes + segmentSizeBytes);
    const inside: Extent[] = [];
    for (let extent = used[next]; extent !== undefined && extent.startBytes < endBytes; extent = used[next]) {
      inside.push(cut(extent, startBytes, endBytes));
      if (extent.startBytes + extent.lengthBytes > endBytes) break;
      next++;
    }
    yield { index, lengthBytes: endBytes - startBytes, slots: [...cutIntoSlots(inside, chunkSizeBytes)] };
  }
}

/** Slots of `extents` (relative to the segment's first byte, merged, in order), each with its own part of them. */
export function* cutIntoSlots(extents: Iterable<Extent>, chunkSizeBytes: number): Generator<UsedSlot> {
  let index = -1;
  let used: Extent[] = [];
  for (const { startBytes, lengthBytes } of extents) {
    const endBytes = startBytes + lengthBytes;
    for (let at = startBytes; at < endBytes; ) {
      const slot = Math.floor(at / chunkSizeBytes);
      if (slot !== index) {
        if (used.length > 0) yield { index, used };
        index = slot;
        used = [];
      }
      const stop = Math.min(endBytes, (slot + 1) * chunkSizeBytes);
      used.push({ startBytes: at - slot * chunkSizeBytes, lengthBytes: stop - at });
      at = stop;
    }
  }
  if (used.length > 0) yield { index, used };
}

/** The part of `extent` inside `[startBytes, endBytes)`, relative to `startBytes`. */
function cut(extent: Extent, startBytes: number, endBytes: number): Extent {
  const from = Math.max(extent.startBytes, startBytes);
  const to = Math.min(extent.startBytes + extent.lengthBytes, endBytes);
  return { startBytes: from - startBytes, lengthBytes: to - from };
}

/** `extents` with gaps of up to `gapBytes` closed, so that they take fewer reads or writes. */
export function closeGaps(extents: readonly Extent[], gapBytes: number): Extent[] {
  const closed: { startBytes: number; lengthBytes: number }[] = [];
  for (const { startBytes, lengthBytes } of extents) {
    const last = closed.at(-1);
    if (last !== undefined && startBytes - (last.startBytes + last.lengthBytes) <= gapBytes) {
      last.lengthBytes = startBytes + lengthBytes - last.startBytes;
    } else closed.push({ startBytes, lengthBytes });
  }
  return closed;
}

/** The ranges of `[0, lengthBytes)` that `extents` (in order) leave out. */
export function* gapsBetween(extents: Iterable<Extent>, lengthBytes: number): Generator<Extent> {
  let at = 0;
  for (const extent of extents) {
    if (extent.startBytes > at) yield { startBytes: at, lengthBytes: extent.startBytes - at };
    at = extent.startBytes + extent.lengthBytes;
  }
  if (at < lengthBytes) yield { startBytes: at, lengthBytes: lengthBytes - at };
}
