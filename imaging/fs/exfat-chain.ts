// Follows cluster chains of exFAT through its FAT: the root directory and the allocation bitmap are read this way.
// Layout: exFAT specification, sections 4.1 "First and Second FAT Sub-regions" and 6 "Directory Structure".
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import type { ExfatGeometry } from './exfat-boot.ts';

const endOfChain = 0xffffffff;
/** Small, because the chain of a damaged FAT may jump at every step. */
const pageBytes = 4096;

/**
 * Runs of clusters in the order of the chain that starts at `first`, up to `maxClusters` in all; a chain that is longer, that
 * ends elsewhere than at its end mark or that leaves the heap is damage.
 * @throws DeployError file-system-corrupt, source-read, source-vanished
 */
export async function* followChain(
  bytes: ByteReader,
  geometry: ExfatGeometry,
  { first, maxClusters, what }: { first: number; maxClusters: number; what: string },
): AsyncGenerator<{ first: number; count: number }> {
  const readNext = fatReaderOf(bytes, geometry);
  let start = first;
  let seen = 0;
  let anchor = 0;
  for (let cluster = first; ; ) {
    if (cluster < 2 || cluster >= geometry.clusterCount + 2) throw corrupt(`${what} leaves the file system`);
    if (++seen > maxClusters || cluster === anchor) throw corrupt(`${what} does not end where it should`);
    // Brent's way to notice a ring: a chain that comes back to where it was after 1, 2, 4, … steps runs in one.
    if (Number.isInteger(Math.log2(seen))) anchor = cluster;
    const next = await readNext(cluster);
    if (next !== cluster + 1) {
      yield { first: start, count: cluster + 1 - start };
      start = next;
    }
    if (next === endOfChain) return;
    cluster = next;
  }
}

/** Looks entries of the FAT up, one page of it in memory. */
function fatReaderOf(bytes: ByteReader, { fatAtBytes, clusterCount }: ExfatGeometry) {
  let page: Buffer = Buffer.alloc(0);
  let pageAt = -1;
  return async (cluster: number): Promise<number> => {
    const at = cluster * 4;
    const wanted = at - (at % pageBytes);
    if (wanted !== pageAt) {
      page = await bytes.read(fatAtBytes + wanted, Math.min(pageBytes, (clusterCount + 2) * 4 - wanted));
      pageAt = wanted;
    }
    return page.readUInt32LE(at - pageAt);
  };
}

/** The bytes of a run of clusters, a piece at a time. */
export async function* readRun(
  bytes: ByteReader,
  { heapAtBytes, clusterBytes }: ExfatGeometry,
  { first, count }: { first: number; count: number },
  pieceBytes: number,
): AsyncGenerator<Buffer> {
  const startBytes = heapAtBytes + (first - 2) * clusterBytes;
  const lengthBytes = count * clusterBytes;
  for (let at = 0; at < lengthBytes; at += pieceBytes) {
    yield await bytes.read(startBytes + at, Math.min(pieceBytes, lengthBytes - at));
  }
}
