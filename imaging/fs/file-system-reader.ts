// What every file-system reader is: it recognises one family of file systems and answers which byte ranges are used.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { VolumeMap } from '../disk-map.ts';
import type { Extent } from '../extent.ts';
import type { Siblings } from './siblings.ts';

/** What a reader found. Extents are relative to the file system's first byte, merged and in order. */
export type FileSystemMap = {
  /** As blkid names it: `ext4`, `swap`, `ntfs`, … */
  readonly fileSystem: string;
  readonly uuid: string | null;
  readonly label: string | null;
  /** The reader that vouches for `used`; `raw` when every byte counts as used. */
  readonly reader: string;
  readonly used: readonly Extent[];
  /** Used, but nothing that is in there means anything: a capture takes zeros for it, and does not read it. Merged, in order, all of it in `used`. */
  readonly blank?: readonly Extent[];
  /** Why the reader fell back to raw, or what a person should know (dirty journal, errors recorded); empty when all is well. */
  readonly notes: readonly string[];
  /** The logical volumes in it, for a container of such. */
  readonly volumes?: readonly VolumeMap[];
};

/** One file-system family. A reader never guesses: a feature it does not know makes it answer with reader `raw` and a note. */
export interface FileSystemReader {
  readonly name: string;
  /**
   * The map of the file system in `bytes`, or null when its signature is not this reader's.
   * Damaged or hostile metadata gives reader `raw` with a note, never a throw; only real I/O errors throw (source-read, source-vanished).
   * `siblings` tells of the rest of its disk, where there is one.
   */
  readMap(bytes: ByteReader, siblings?: Siblings): Promise<FileSystemMap | null>;
}
