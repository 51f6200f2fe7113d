// Arithmetic on lists of extents that are merged and in order.
import type { Extent } from '../extent.ts';

/** The bytes in both lists. */
export function intersect(extents: readonly Extent[], ranges: readonly Extent[]): Extent[] {
  const both: Extent[] = [];
  for (let i = 0, j = 0; i < extents.length && j < ranges.length; ) {
    const [a, b] = [extents[i] as Extent, ranges[j] as Extent];
    const [aEnd, bEnd] = [a.startBytes + a.lengthBytes, b.startBytes + b.lengthBytes];
    const from = Math.max(a.startBytes, b.startBytes);
    const to = Math.min(aEnd, bEnd);
    if (from < to) both.push({ startBytes: from, lengthBytes: to - from });
    if (aEnd <= bEnd) i++;
    else j++;
  }
  return both;
}

/** The bytes of `extents` that are in none of `ranges`. */
export function subtract(extents: readonly Extent[], ranges: readonly Extent[]): Extent[] {
  let left = [...extents];
  for (const range of ranges) {
    const end = range.startBytes + range.lengthBytes;
    left = left.flatMap((extent) => {
      const extentEnd = extent.startBytes + extent.lengthBytes;
      if (extentEnd <= range.startBytes || extent.startBytes >= end) return [extent];
      const parts: Extent[] = [];
      if (extent.startBytes < range.startBytes) {
        parts.push({ startBytes: extent.startBytes, lengthBytes: range.startBytes - extent.startBytes });
      }
      if (extentEnd > end) parts.push({ startBytes: end, lengthBytes: extentEnd - end });
      return parts;
    });
  }
  return left;
}

export function shift(extents: readonly Extent[], byBytes: number): Extent[] {
  return extents.map(({ startBytes, lengthBytes }) => ({ startBytes: startBytes + byBytes, lengthBytes }));
}
