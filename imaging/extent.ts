// A used byte range of a device; what the file-system readers answer with and the chunk pipeline slices.

/** A used byte range. Both values are multiples of 512, `lengthBytes` > 0, and `startBytes + lengthBytes` ≤ 2^53. */
export type Extent = { readonly startBytes: number; readonly lengthBytes: number };

/** Sorted, disjoint, non-adjacent extents covering the same bytes as `extents`, which may overlap and come in any order. */
export function mergeExtents(extents: Iterable<Extent>): Extent[] {
  const sorted = [...extents].filter((e) => e.lengthBytes > 0).sort((a, b) => a.startBytes - b.startBytes);
  const merged: { startBytes: number; lengthBytes: number }[] = [];
  for (const { startBytes, lengthBytes } of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && startBytes <= last.startBytes + last.lengthBytes) {
      last.lengthBytes = Math.max(last.lengthBytes, startBytes + lengthBytes - last.startBytes);
    } else {
      merged.push({ startBytes, lengthBytes });
    }
  }
  return merged;
}

export function totalBytes(extents: Iterable<Extent>): number {
  let sum = 0;
  for (const extent of extents) sum += extent.lengthBytes;
  return sum;
}
