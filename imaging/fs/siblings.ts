// What else is on a disk besides the file system that a reader looks at: for those that keep a part of themselves in another partition.
import type { ByteReader } from '../blockdev/byte-reader.ts';

/** The other places of the same disk: partitions, and logical volumes in them. The one that asks may be among them. */
export type Siblings = () => Promise<readonly ByteReader[]>;

/** `partitions`, and what `listVolumes` finds in each of them; asked for once, and only if a reader wants to know. */
export function siblingsOf(
  partitions: readonly ByteReader[],
  listVolumes: (bytes: ByteReader) => Promise<readonly ByteReader[]>,
): Siblings {
  let found: Promise<ByteReader[]> | undefined;
  const list = async () => {
    const volumes: ByteReader[] = [];
    for (const partition of partitions) volumes.push(...(await listVolumes(partition)));
    return [...partitions, ...volumes];
  };
  return () => {
    found ??= list();
    return found;
  };
}
