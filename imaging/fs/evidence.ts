// Checks that hold one statement of foreign metadata against another before a reader rests on it.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import { answerWith, corrupt, type Identity, orReason } from './distrust.ts';
import type { FileSystemMap } from './file-system-reader.ts';

export type Findings = { readonly used: Extent[]; readonly notes: readonly string[] };

/** What `find` answers as a map with its notes, or a raw one when it throws file-system-corrupt; it may complete `identity`. */
export async function mapOrRaw(
  bytes: ByteReader,
  reader: string,
  identity: Identity,
  find: () => Promise<Findings>,
): Promise<FileSystemMap> {
  const notes: string[] = [];
  const outcome = await orReason(async () => {
    const found = await find();
    notes.push(...found.notes);
    return found.used;
  });
  const map = answerWith(bytes, reader, identity, outcome);
  return { ...map, notes: [...map.notes, ...notes] };
}

/** The bytes at a place that foreign metadata names. @throws DeployError file-system-corrupt when it lies outside */
export async function readInside(
  bytes: ByteReader,
  atBytes: number,
  lengthBytes: number,
  what: string,
): Promise<Buffer> {
  if (!Number.isSafeInteger(atBytes) || atBytes < 0 || atBytes + lengthBytes > bytes.sizeBytes) {
    throw corrupt(`${what} lies outside the file system`);
  }
  return await bytes.read(atBytes, lengthBytes);
}

/** Whether all of the extent lies in one of the merged, ordered `used`. */
export function isCovered(used: readonly Extent[], { startBytes, lengthBytes }: Extent): boolean {
  let low = 0;
  let high = used.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((used[middle] as Extent).startBytes <= startBytes) low = middle + 1;
    else high = middle;
  }
  const extent = used[low - 1];
  return extent !== undefined && startBytes + lengthBytes <= extent.startBytes + extent.lengthBytes;
}
