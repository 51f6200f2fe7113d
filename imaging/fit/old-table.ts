// The partition table of an image out of its manifest: what a fitted layout starts from.
import { type ByteReader, outOfRange } from '../blockdev/byte-reader.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { PartitionTable } from '../partition/partition.ts';
import { readTable } from '../partition/read-table.ts';

/** The sectors of the table as a disk of its own, zeros elsewhere; its sectors are those that the table counts in. */
export function openTableSectors({ name, geometry, tableSectors }: Manifest): ByteReader {
  const { sizeBytes, sectorSizeBytes } = geometry;
  const label = `image '${name}'`;
  const kept = tableSectors.map(({ offsetBytes, base64 }) => ({ offsetBytes, bytes: Buffer.from(base64, 'base64') }));
  return {
    ...{ sizeBytes, sectorSizeBytes, label },
    read: async (offsetBytes, lengthBytes) => {
      if (offsetBytes < 0 || offsetBytes + lengthBytes > sizeBytes) {
        throw outOfRange(label, offsetBytes, lengthBytes, sizeBytes);
      }
      const into = Buffer.alloc(lengthBytes);
      for (const { offsetBytes: at, bytes } of kept) {
        const from = Math.max(at, offsetBytes);
        const to = Math.min(at + bytes.length, offsetBytes + lengthBytes);
        if (from < to) bytes.copy(into, from - offsetBytes, from - at, to - at);
      }
      return into;
    },
  };
}

/** The image's table, or null where it has none that could be used when it was captured. */
export async function readOldTable(manifest: Manifest): Promise<PartitionTable | null> {
  if (manifest.geometry.table === 'none') return null;
  const found = await readTable(openTableSectors(manifest));
  return found.kind === 'table' ? found.table : null;
}
