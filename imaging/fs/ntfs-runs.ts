// Mapping pairs of NTFS: where the clusters of an attribute lie that is kept outside its file record.
// Layout: Linux-NTFS documentation, "Data Runs"; ntfs-3g runlist.c (ntfs_mapping_pairs_decompress).
import { corrupt } from './distrust.ts';

/** `length` clusters from virtual cluster `vcn` on lie from cluster `lcn` on, or nowhere (sparse: null). */
export type NtfsRun = { readonly vcn: number; readonly lcn: number | null; readonly length: number };

/** More than any metadata file has on a sane volume; damage shall not fill the memory. */
const maxRuns = 2 ** 20;

/**
 * Adds the runs that `pairs` describe to `runs`, from `lowestVcn` on, which must be where they end so far.
 * @throws DeployError file-system-corrupt when a run leaves the volume's clusters
 */
export function appendRuns(
  runs: NtfsRun[],
  pairs: Buffer,
  { lowestVcn, clusterCount, what }: { lowestVcn: number; clusterCount: number; what: string },
): void {
  let vcn = endOf(runs);
  let lcn = 0;
  if (lowestVcn !== vcn) throw corrupt(`the pieces of ${what} do not follow each other`);
  for (let at = 0; ; ) {
    const head = pairs[at] ?? 0;
    if (head === 0) return;
    const [lengthBytes, offsetBytes] = [head & 0xf, head >>> 4];
    const length = readSigned(pairs, at + 1, lengthBytes, what);
    if (offsetBytes > 0) lcn += readSigned(pairs, at + 1 + lengthBytes, offsetBytes, what);
    at += 1 + lengthBytes + offsetBytes;
    // Before NTFS 3.0, cluster -1 stood for a sparse run.
    const isSparse = offsetBytes === 0 || lcn === -1;
    if (length <= 0 || runs.length >= maxRuns) throw corrupt(`${what} is in impossible pieces`);
    const outside = isSparse ? length > clusterCount : lcn < 0 || lcn + length > clusterCount;
    if (outside) throw corrupt(`${what} lies outside the file system`);
    runs.push({ vcn, lcn: isSparse ? null : lcn, length });
    vcn += length;
  }
}

/** The first virtual cluster behind the last run. */
export function endOf(runs: readonly NtfsRun[]): number {
  const last = runs.at(-1);
  return last === undefined ? 0 : last.vcn + last.length;
}

/** The run that holds virtual cluster `vcn`. */
export function findRun(runs: readonly NtfsRun[], vcn: number): NtfsRun | undefined {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[middle] as NtfsRun).vcn <= vcn) low = middle + 1;
    else high = middle;
  }
  const run = runs[low - 1];
  return run !== undefined && vcn < run.vcn + run.length ? run : undefined;
}

/** A little-endian number of up to eight bytes with a sign; what a double cannot hold is damage anyway. */
function readSigned(pairs: Buffer, at: number, bytes: number, what: string): number {
  if (bytes < 1 || bytes > 8 || at + bytes > pairs.length) throw corrupt(`the mapping pairs of ${what} are impossible`);
  let value = pairs.readInt8(at + bytes - 1);
  for (let i = bytes - 2; i >= 0; i--) value = value * 256 + (pairs[at + i] as number);
  if (!Number.isSafeInteger(value)) throw corrupt(`the mapping pairs of ${what} are impossible`);
  return value;
}
