// A qcow2 file seen as the disk in it: random reads through its two levels of tables, and which ranges hold data at all.
import { inflateRawSync, zstdDecompressSync } from 'node:zlib';
import { type ByteReader, outOfRange } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import { Recent } from '../recent.ts';
import { corrupt } from './partclone-header.ts';
import { type Qcow2Header, readQcow2Header } from './qcow2-header.ts';
import { zstdFrameLength } from './zstd-frame.ts';

const cachedTablesBytes = 16 * 2 ** 20;
const cachedClusters = 8;
const offsetMask = 0x00fffffffffffe00n;
const compressedFlag = 1n << 62n;
const copiedFlag = 1n << 63n;
const zeroFlag = 1n;

export type Qcow2Disk = ByteReader & {
  readonly header: Qcow2Header;
  /** The ranges that hold data, in order; everything else reads as zeros. Neighbours may touch. */
  dataExtents(): AsyncGenerator<Extent>;
};

/** @throws import-unsupported, import-corrupt; so do its reads */
export async function openQcow2(file: ByteReader): Promise<Qcow2Disk> {
  const header = await readQcow2Header(file);
  return new Qcow2(file, header, await file.read(header.l1OffsetBytes, header.l1Entries * 8));
}

type Cluster = 'zero' | { readonly offsetBytes: number } | { readonly packed: Extent };

class Qcow2 implements Qcow2Disk {
  readonly header: Qcow2Header;
  readonly sizeBytes: number;
  readonly sectorSizeBytes = 512;
  readonly label: string;
  readonly #file: ByteReader;
  readonly #l1: Buffer;
  readonly #tables: Recent<number, Buffer>;
  readonly #unpacked: Recent<string, Buffer>;

  constructor(file: ByteReader, header: Qcow2Header, l1: Buffer) {
    this.header = header;
    this.sizeBytes = header.sizeBytes;
    this.label = file.label;
    this.#file = file;
    this.#l1 = l1;
    const tables = Math.max(1, Math.floor(cachedTablesBytes / header.clusterBytes));
    this.#tables = new Recent(tables, (offsetBytes) => file.read(offsetBytes, header.clusterBytes));
    this.#unpacked = new Recent(cachedClusters, (place) => this.#unpack(place));
  }

  async read(offsetBytes: number, lengthBytes: number): Promise<Buffer> {
    const endBytes = offsetBytes + lengthBytes;
    if (offsetBytes < 0 || lengthBytes < 0 || endBytes > this.sizeBytes) {
      throw outOfRange(this.label, offsetBytes, lengthBytes, this.sizeBytes);
    }
    const bytes = Buffer.alloc(lengthBytes);
    const { clusterBytes } = this.header;
    for (let at = offsetBytes; at < endBytes; ) {
      const within = at % clusterBytes;
      const stop = Math.min(endBytes, at - within + clusterBytes);
      const cluster = await this.#find(Math.floor(at / clusterBytes));
      if (cluster !== 'zero') {
        const found = await this.#readCluster(cluster, within, stop - at);
        bytes.set(found, at - offsetBytes);
      }
      at = stop;
    }
    return bytes;
  }

  async *dataExtents(): AsyncGenerator<Extent> {
    const { clusterBytes } = this.header;
    const perTable = clusterBytes / 8;
    const clusters = Math.ceil(this.sizeBytes / clusterBytes);
    for (let first = 0; first < clusters; first += perTable) {
      const table = this.#tableOffset(first / perTable);
      if (table === 0) continue;
      for (let cluster = first; cluster < Math.min(clusters, first + perTable); cluster++) {
        if ((await this.#find(cluster)) === 'zero') continue;
        const startBytes = cluster * clusterBytes;
        yield { startBytes, lengthBytes: Math.min(clusterBytes, this.sizeBytes - startBytes) };
      }
    }
  }

  #tableOffset(index: number): number {
    const entry = this.#l1.readBigUInt64BE(index * 8);
    const offset = Number(entry & offsetMask);
    if ((entry & ~(offsetMask | copiedFlag)) !== 0n || offset % this.header.clusterBytes !== 0) {
      throw corrupt(this.label, `entry ${index} of its first table is 0x${entry.toString(16)}`);
    }
    if (offset + this.header.clusterBytes > this.#file.sizeBytes) {
      throw corrupt(this.label, `the table of entry ${index} lies outside the file: it may be cut short`);
    }
    return offset;
  }

  async #find(cluster: number): Promise<Cluster> {
    const perTable = this.header.clusterBytes / 8;
    const offset = this.#tableOffset(Math.floor(cluster / perTable));
    if (offset === 0) return 'zero';
    const entry = (await this.#tables.get(offset)).readBigUInt64BE((cluster % perTable) * 8);
    return (entry & compressedFlag) !== 0n ? this.#findPacked(cluster, entry) : this.#findPlain(cluster, entry);
  }

  #findPlain(cluster: number, entry: bigint): Cluster {
    const offset = Number(entry & offsetMask);
    const reserved = entry & ~(offsetMask | copiedFlag | zeroFlag);
    const zero = (entry & zeroFlag) !== 0n;
    if (reserved !== 0n || offset % this.header.clusterBytes !== 0 || (zero && this.header.version === 2)) {
      throw corrupt(this.label, `the entry of cluster ${cluster} is 0x${entry.toString(16)}`);
    }
    if (zero || offset === 0) return 'zero';
    if (offset >= this.#file.sizeBytes) throw this.#outside(cluster);
    return { offsetBytes: offset };
  }

  /** Specification, "Compressed Clusters Descriptor". */
  #findPacked(cluster: number, entry: bigint): Cluster {
    const offsetBits = BigInt(62 - (Math.log2(this.header.clusterBytes) - 8));
    const offset = Number(entry & ((1n << offsetBits) - 1n));
    const sectors = Number((entry & (compressedFlag - 1n)) >> offsetBits);
    if ((entry & copiedFlag) !== 0n) throw corrupt(this.label, `the entry of cluster ${cluster} contradicts itself`);
    if (offset >= this.#file.sizeBytes) throw this.#outside(cluster);
    const lengthBytes = (sectors + 1) * 512 - (offset % 512);
    return { packed: { startBytes: offset, lengthBytes: Math.min(lengthBytes, this.#file.sizeBytes - offset) } };
  }

  #outside(cluster: number) {
    const at = cluster * this.header.clusterBytes;
    return corrupt(this.label, `the data of byte ${at} of its disk lies outside the file: it may be cut short`);
  }

  async #readCluster(cluster: Exclude<Cluster, 'zero'>, from: number, lengthBytes: number): Promise<Buffer> {
    if ('packed' in cluster) {
      const { startBytes, lengthBytes: packedBytes } = cluster.packed;
      return (await this.#unpacked.get(`${startBytes} ${packedBytes}`)).subarray(from, from + lengthBytes);
    }
    // QEMU does not fill up the last cluster of a file.
    const start = cluster.offsetBytes + from;
    return await this.#file.read(start, Math.max(0, Math.min(lengthBytes, this.#file.sizeBytes - start)));
  }

  async #unpack(place: string): Promise<Buffer> {
    const [startBytes = 0, lengthBytes = 0] = place.split(' ').map(Number);
    const packed = await this.#file.read(startBytes, lengthBytes);
    const { clusterBytes, compression } = this.header;
    const bound = { maxOutputLength: clusterBytes, chunkSize: clusterBytes + 64 };
    try {
      const bytes =
        compression === 'deflate'
          ? inflateRawSync(packed, { ...bound, windowBits: 15 })
          : zstdDecompressSync(packed.subarray(0, zstdFrameLength(packed)), bound);
      if (bytes.length === clusterBytes) return bytes;
      throw new Error(`it holds ${bytes.length} bytes`);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw corrupt(this.label, `the compressed cluster at byte ${startBytes} of the file does not unpack (${why})`);
    }
  }
}
