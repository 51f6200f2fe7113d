// An image as a qcow2 file (version 3, uncompressed), from its first byte to its last: metadata first, then the used clusters in order.
import type { SlotContent } from '../image-content.ts';
import type { Piece } from './pieces.ts';
import { type ClusterMap, clusterBytes, clustersPerTable, layOut, type Qcow2Layout } from './qcow2-layout.ts';

/** Set in L1 and L2 entries: the cluster's reference count is exactly one. */
const copiedFlag = 0x80000000;
const copyOnce = 1;

/** `content` must be the image that `map` was made of. */
export async function* encodeQcow2(
  content: AsyncIterable<SlotContent>,
  map: ClusterMap,
  sizeBytes: number,
): AsyncGenerator<Piece> {
  const layout = layOut(map, sizeBytes);
  yield { bytes: header(layout, sizeBytes) };
  yield { bytes: countTable(layout) };
  for (let block = 0; block < layout.countBlocks; block++) yield { bytes: countBlock(layout, block) };
  yield { bytes: l1Table(layout, map) };
  let next = layout.dataStart;
  for (const table of map.tables()) {
    const entries = l2Table(map, table, next);
    yield { bytes: entries.bytes };
    next = entries.next;
  }
  for await (const { offsetBytes, bytes } of content) {
    if (bytes !== null) yield* dataClusters(map, offsetBytes, bytes);
  }
}

function* dataClusters(map: ClusterMap, offsetBytes: number, bytes: Uint8Array): Generator<Piece> {
  for (let at = 0; at < bytes.length; at += clusterBytes) {
    if (!map.has((offsetBytes + at) / clusterBytes)) continue;
    const cluster = bytes.subarray(at, at + clusterBytes);
    yield { bytes: cluster };
    // The last cluster of a disk may be shorter; in the file it is whole.
    if (cluster.length < clusterBytes) yield { zeroBytes: clusterBytes - cluster.length };
  }
}

function header(layout: Qcow2Layout, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(clusterBytes);
  bytes.write('QFI\xfb', 0, 'latin1');
  bytes.writeUInt32BE(3, 4);
  bytes.writeUInt32BE(Math.log2(clusterBytes), 20);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 24);
  bytes.writeUInt32BE(layout.l1Entries, 36);
  bytes.writeBigUInt64BE(BigInt(layout.l1Start * clusterBytes), 40);
  bytes.writeBigUInt64BE(BigInt(clusterBytes), 48);
  bytes.writeUInt32BE(layout.countTableClusters, 56);
  bytes.writeUInt32BE(4, 96);
  bytes.writeUInt32BE(104, 100);
  return bytes;
}

function countTable({ countTableClusters, countBlocks }: Qcow2Layout): Buffer {
  const bytes = Buffer.alloc(countTableClusters * clusterBytes);
  for (let block = 0; block < countBlocks; block++) writePlace(bytes, block, 1 + countTableClusters + block, 0);
  return bytes;
}

function countBlock({ totalClusters }: Qcow2Layout, block: number): Buffer {
  const bytes = Buffer.alloc(clusterBytes);
  const counts = clusterBytes / 2;
  const counted = Math.min(counts, totalClusters - block * counts);
  for (let i = 0; i < counted; i++) bytes.writeUInt16BE(copyOnce, i * 2);
  return bytes;
}

function l1Table({ l1Start, l2Start }: Qcow2Layout, map: ClusterMap): Buffer {
  const bytes = Buffer.alloc((l2Start - l1Start) * clusterBytes);
  for (const [i, table] of map.tables().entries()) writePlace(bytes, table, l2Start + i, copiedFlag);
  return bytes;
}

function l2Table(map: ClusterMap, table: number, first: number): { bytes: Buffer; next: number } {
  const bytes = Buffer.alloc(clusterBytes);
  let next = first;
  for (let i = 0; i < clustersPerTable; i++) {
    if (map.has(table * clustersPerTable + i)) writePlace(bytes, i, next++, copiedFlag);
  }
  return { bytes, next };
}

/** Entry `index` of a table: the place of cluster `cluster` of the file, with flags in the upper 32 bits. */
function writePlace(bytes: Buffer, index: number, cluster: number, flags: number): void {
  const offset = cluster * clusterBytes;
  bytes.writeUInt32BE((Math.floor(offset / 2 ** 32) | flags) >>> 0, index * 8);
  bytes.writeUInt32BE(offset % 2 ** 32, index * 8 + 4);
}
