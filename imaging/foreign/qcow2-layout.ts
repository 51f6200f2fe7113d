// Where everything lies in a qcow2 file of an image: known before the first chunk is decoded, so that the file can be streamed.
// Specification: https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt (version 3)
import type { Slot } from '../manifest/segment.ts';

export const clusterBytes = 65_536;
/** Guest clusters in one L2 table: 512 MiB of the disk. */
export const clustersPerTable = clusterBytes / 8;
/** Reference counts take 16 bits. */
const countsPerBlock = clusterBytes / 2;

/** The guest clusters that hold data: a bit for each, by L2 table; tables without any are left out. */
export class ClusterMap {
  readonly #tables = new Map<number, Uint8Array>();
  dataClusters = 0;

  /** Marks what a slot at `offsetBytes` uses; a slot of zeros reads as zeros without any cluster. */
  add(offsetBytes: number, { digest, used }: Slot): void {
    if (digest === null) return;
    for (const { startBytes, lengthBytes } of used) {
      const from = Math.floor((offsetBytes + startBytes) / clusterBytes);
      const to = Math.ceil((offsetBytes + startBytes + lengthBytes) / clusterBytes);
      for (let cluster = from; cluster < to; cluster++) this.#mark(cluster);
    }
  }

  #mark(cluster: number): void {
    const index = Math.floor(cluster / clustersPerTable);
    const table = this.#tables.get(index) ?? new Uint8Array(clustersPerTable / 8);
    this.#tables.set(index, table);
    const [byte, bit] = [(cluster % clustersPerTable) >> 3, 1 << (cluster & 7)];
    if (((table[byte] ?? 0) & bit) !== 0) return;
    table[byte] = (table[byte] ?? 0) | bit;
    this.dataClusters++;
  }

  has(cluster: number): boolean {
    const table = this.#tables.get(Math.floor(cluster / clustersPerTable));
    return table !== undefined && ((table[(cluster % clustersPerTable) >> 3] ?? 0) & (1 << (cluster & 7))) !== 0;
  }

  /** The L2 tables that are needed, in order. */
  tables(): number[] {
    return [...this.#tables.keys()].sort((a, b) => a - b);
  }
}

/** Numbers of clusters in the file: header, reference counts, L1, L2 tables and data follow each other without gaps. */
export type Qcow2Layout = {
  readonly l1Entries: number;
  readonly countTableClusters: number;
  readonly countBlocks: number;
  readonly l1Start: number;
  readonly l2Start: number;
  readonly dataStart: number;
  readonly totalClusters: number;
};

export function layOut(map: ClusterMap, sizeBytes: number): Qcow2Layout {
  const l1Entries = Math.ceil(sizeBytes / clusterBytes / clustersPerTable);
  const l1Clusters = Math.ceil((l1Entries * 8) / clusterBytes);
  const others = 1 + l1Clusters + map.tables().length + map.dataClusters;
  // The reference counts count themselves: a few rounds until they fit.
  let [countBlocks, countTableClusters] = [0, 0];
  for (let total = others; countBlocks * countsPerBlock < total; total = others + countBlocks + countTableClusters) {
    countBlocks = Math.ceil(total / countsPerBlock);
    countTableClusters = Math.ceil((countBlocks * 8) / clusterBytes);
  }
  const l1Start = 1 + countTableClusters + countBlocks;
  const l2Start = l1Start + l1Clusters;
  const dataStart = l2Start + map.tables().length;
  const totalClusters = dataStart + map.dataClusters;
  return { l1Entries, countTableClusters, countBlocks, l1Start, l2Start, dataStart, totalClusters };
}
