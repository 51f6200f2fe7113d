// Reads swap areas: only their header page is used, unless a suspended system sleeps in them.
// Layout: Linux include/linux/swap.h (union swap_header) and mkswap(8).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { FileSystemMap, FileSystemReader } from './file-system-reader.ts';
import { allOf } from './raw.ts';
import { formatUuid } from './signatures.ts';

const pageSizes = [4096, 8192, 16384, 32768, 65536];
const suspendedMarks = ['S1SUSPEND', 'S2SUSPEND', 'ULSUSPEND', 'LINHIB0001'];
const markBytes = 10;

export const swapReader: FileSystemReader = {
  name: 'swap',
  async readMap(bytes) {
    const head = await bytes.read(0, Math.min(bytes.sizeBytes, 65536));
    for (const pageBytes of pageSizes) {
      if (head.length < pageBytes) return null;
      const mark = head.toString('latin1', pageBytes - markBytes, pageBytes).replace(/\0+$/, '');
      if (mark === 'SWAPSPACE2') return mapHeader(bytes, head, pageBytes);
      if (mark === 'SWAP-SPACE')
        return rawSwap(bytes, 'swap', 'an old swap area (version 0): captured sector by sector');
      if (suspendedMarks.includes(mark)) {
        return rawSwap(bytes, 'swsuspend', 'a suspended system sleeps in this swap area: captured sector by sector');
      }
    }
    return null;
  },
};

function mapHeader(bytes: ByteReader, head: Buffer, pageBytes: number): FileSystemMap {
  const version = head.readUInt32LE(1024);
  if (version !== 1) return rawSwap(bytes, 'swap', `swap version ${version} is unknown: captured sector by sector`);
  const endBytes = (head.readUInt32LE(1028) + 1) * pageBytes;
  if (endBytes > bytes.sizeBytes || endBytes < 2 * pageBytes) {
    return rawSwap(bytes, 'swap', 'the swap header does not fit its partition: captured sector by sector');
  }
  const used = [{ startBytes: 0, lengthBytes: pageBytes }];
  // What lies after the last page is none of the swap area's, so nothing vouches for it.
  if (endBytes < bytes.sizeBytes) used.push({ startBytes: endBytes, lengthBytes: bytes.sizeBytes - endBytes });
  const label = head.toString('utf8', 1052, 1068).split('\0')[0] || null;
  return { fileSystem: 'swap', uuid: formatUuid(head, 1036), label, reader: 'swap', used, notes: [] };
}

function rawSwap(bytes: ByteReader, fileSystem: string, note: string): FileSystemMap {
  return { fileSystem, uuid: null, label: null, reader: 'raw', used: allOf(bytes), notes: [note] };
}
