// An image as a folder of disk files: `disk.img`, and `partition-N.img` for each partition. What mount, prove and shrink show to other programs.
import { type ByteReader, windowOf } from './blockdev/byte-reader.ts';
import type { ByteFile, TreeEntry } from './fuse/file-tree.ts';
import type { Manifest } from './manifest/manifest.ts';

export const diskFileName = 'disk.img';

export function partitionFileName(number: number): string {
  return `partition-${number}.img`;
}

/** A disk's bytes, read-only or writable. */
export type DiskBytes = ByteReader & Pick<ByteFile, 'write'>;

type Place = Pick<Manifest['partitions'][0], 'number' | 'startBytes' | 'sizeBytes'>;

/** The files of a view. A disk without a table has no partitions: `disk.img` is its file system. */
export function viewEntries(disk: DiskBytes, partitions: readonly Place[]): TreeEntry[] {
  const places = partitions.filter(({ number }) => number > 0);
  return [
    { name: diskFileName, file: disk },
    ...places.map((place) => ({ name: partitionFileName(place.number), file: partitionOf(disk, place) })),
  ];
}

/** One partition of a disk as a file of its own. */
function partitionOf(disk: DiskBytes, { startBytes, sizeBytes }: Place): ByteFile {
  const { write } = disk;
  const window = windowOf(disk, startBytes, sizeBytes);
  if (write === undefined) return window;
  return { ...window, write: (offsetBytes, bytes) => write(startBytes + offsetBytes, bytes) };
}
