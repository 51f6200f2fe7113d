// The reader of exFAT: used clusters from the allocation bitmap, when every check says that it can be trusted.
// Layout: exFAT specification, sections 7.1 "Allocation Bitmap" and 7.3 "Volume Label".
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { type Extent, mergeExtents } from '../extent.ts';
import { BlockList, scanBitmap } from './block-list.ts';
import { formatSerial } from './boot-sector.ts';
import { corrupt } from './distrust.ts';
import { isCovered, mapOrRaw } from './evidence.ts';
import { type ExfatGeometry, isExfat, readExfatGeometry } from './exfat-boot.ts';
import { followChain, readRun } from './exfat-chain.ts';
import type { FileSystemReader } from './file-system-reader.ts';

const pieceBytes = 1024 * 1024;
/** A directory is no longer than this (section 7.4.8 "DataLength"). */
const maxDirectoryBytes = 256 * 1024 * 1024;
const entryTypes = { end: 0x00, bitmap: 0x81, label: 0x83 } as const;

type Bitmap = { readonly firstCluster: number; readonly lengthBytes: number };
type ClusterRun = { readonly first: number; readonly count: number };

export const exfatReader: FileSystemReader = {
  name: 'exfat',
  async readMap(bytes) {
    if (bytes.sizeBytes < 512) return null;
    const head = await bytes.read(0, 512);
    if (!isExfat(head)) return null;
    const identity = { fileSystem: 'exfat', uuid: formatSerial(head, 100), label: null as string | null };
    return mapOrRaw(bytes, 'exfat', identity, async () => {
      const geometry = await readExfatGeometry(bytes, head);
      const root = await readRoot(bytes, geometry);
      identity.label = root.label;
      return { used: addEdges(bytes, geometry, await readUsed(bytes, geometry, root)), notes: [] };
    });
  },
};

type Root = { bitmap: Bitmap; label: string | null; runs: ClusterRun[] };

/** What the root directory says of the volume, and where it lies itself. */
async function readRoot(bytes: ByteReader, geometry: ExfatGeometry): Promise<Root> {
  const maxClusters = Math.ceil(maxDirectoryBytes / geometry.clusterBytes);
  const chain = { first: geometry.rootCluster, maxClusters, what: 'its root directory' };
  const runs: ClusterRun[] = [];
  for await (const run of followChain(bytes, geometry, chain)) runs.push(run);
  const { bitmaps, label } = await readEntries(bytes, geometry, runs);
  const [bitmap] = bitmaps;
  if (bitmap === undefined) throw corrupt('it has no allocation bitmap');
  if (bitmaps.length > 1) throw corrupt('it has more than one allocation bitmap');
  if (bitmap.lengthBytes !== Math.ceil(geometry.clusterCount / 8))
    throw corrupt('its allocation bitmap has another length than its clusters');
  return { bitmap, label, runs };
}

/** The entries of the root directory that speak of the volume, up to its end mark; more than two bitmaps are not gathered. */
async function readEntries(bytes: ByteReader, geometry: ExfatGeometry, runs: readonly ClusterRun[]) {
  const bitmaps: Bitmap[] = [];
  let label: string | null = null;
  for (const run of runs) {
    for await (const piece of readRun(bytes, geometry, run, pieceBytes)) {
      for (let at = 0; at < piece.length; at += 32) {
        const type = piece.readUInt8(at);
        if (type === entryTypes.end || bitmaps.length > 1) return { bitmaps, label };
        if (type === entryTypes.bitmap) bitmaps.push(parseBitmap(piece, at));
        if (type === entryTypes.label) label = parseLabel(piece, at);
      }
    }
  }
  return { bitmaps, label };
}

function parseBitmap(entries: Buffer, at: number): Bitmap {
  if (entries.readUInt8(at + 1) & 1) throw corrupt('its allocation bitmap belongs to a second FAT (TexFAT)');
  return { firstCluster: entries.readUInt32LE(at + 20), lengthBytes: Number(entries.readBigUInt64LE(at + 24)) };
}

function parseLabel(entries: Buffer, at: number): string | null {
  return entries.toString('utf16le', at + 2, at + 2 + 2 * Math.min(11, entries.readUInt8(at + 1))) || null;
}

/** Used clusters as extents; the bitmap and the root directory must be among them. */
async function readUsed(bytes: ByteReader, geometry: ExfatGeometry, root: Root): Promise<Extent[]> {
  const { clusterBytes, clusterCount, sectorBytes, heapAtBytes } = geometry;
  const { bitmap } = root;
  const runs: ClusterRun[] = [];
  const sectors = new BlockList(sectorBytes);
  const sectorOf = (bit: number) => (heapAtBytes + bit * clusterBytes) / sectorBytes;
  const maxClusters = Math.ceil(bitmap.lengthBytes / clusterBytes);
  let firstBit = 0;
  const chain = { first: bitmap.firstCluster, maxClusters, what: 'its allocation bitmap' };
  for await (const run of followChain(bytes, geometry, chain)) {
    runs.push(run);
    for await (const piece of readRun(bytes, geometry, run, pieceBytes)) {
      const from = firstBit;
      const bits = Math.min(piece.length * 8, clusterCount - from);
      scanBitmap(piece, bits, (first, end) => sectors.add(sectorOf(from + first), sectorOf(from + end)));
      firstBit += bits;
    }
  }
  if (firstBit < clusterCount) throw corrupt('its allocation bitmap is cut short');
  const used = sectors.toExtents();
  for (const { first, count } of [...root.runs, ...runs]) {
    const extent = { startBytes: heapAtBytes + (first - 2) * clusterBytes, lengthBytes: count * clusterBytes };
    if (!isCovered(used, extent)) throw corrupt('its allocation bitmap does not know of itself or the root directory');
  }
  return used;
}

/** Adds what the bitmap does not speak of: boot regions, FAT and gaps before the first cluster, and the bytes behind the last. */
function addEdges(bytes: ByteReader, geometry: ExfatGeometry, used: readonly Extent[]): Extent[] {
  const { heapAtBytes, clusterBytes, clusterCount } = geometry;
  const endBytes = heapAtBytes + clusterCount * clusterBytes;
  const front = { startBytes: 0, lengthBytes: heapAtBytes };
  return mergeExtents([front, ...used, { startBytes: endBytes, lengthBytes: bytes.sizeBytes - endBytes }]);
}
