// What a partition is known to hold that came as a partclone image: partclone's list of blocks says what is used, our readers name it.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { intersect } from '../chunk/ranges.ts';
import type { PartitionMap } from '../disk-map.ts';
import { type Extent, totalBytes } from '../extent.ts';
import { readFileSystem } from '../fs/detect.ts';
import type { PartcloneContent } from './partclone-image.ts';

type Content = Pick<
  PartitionMap,
  'fileSystem' | 'fileSystemUuid' | 'fileSystemLabel' | 'reader' | 'usedBytes' | 'notes'
>;

/** `partition` holds the unpacked blocks; `used` are the bytes of it that are known. */
export async function describePartclone(partition: ByteReader, { header, used }: PartcloneContent): Promise<Content> {
  const found = await readFileSystem(partition);
  return {
    fileSystem: found.fileSystem ?? header.fileSystem.toLowerCase(),
    fileSystemUuid: found.uuid,
    fileSystemLabel: found.label,
    reader: 'partclone',
    usedBytes: totalBytes(used),
    notes: found.reader === 'raw' ? [] : noteMissing(found.used, used),
  };
}

/** partclone leaves out what it can do without: the second copies of Btrfs, the boot sector at the end of NTFS. */
function noteMissing(wanted: readonly Extent[], known: readonly Extent[]): string[] {
  const missing = totalBytes(wanted) - totalBytes(intersect(wanted, known));
  if (missing === 0) return [];
  return [`partclone left out ${missing} bytes that count as used here: nobody knows them, they are not restored`];
}
