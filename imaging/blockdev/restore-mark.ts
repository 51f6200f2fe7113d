// What an unfinished restore leaves on its target, a disk or a partition: which image was on its way, so that the next one goes on and nobody takes it for an empty one.
import { z } from 'zod';
import { digestOf } from '../chunk/digest.ts';
import type { Extent } from '../extent.ts';
import type { ByteReader } from './byte-reader.ts';

/** Of the disk, or partition, as it was before its first unfinished restore: `tablesDigest` and `escrow`. */
const schema = z.object({
  imageId: z.string(),
  imageName: z.string(),
  rootDigest: z.string(),
  startedAt: z.string(),
  tablesDigest: z.string(),
  /** The image in the store that `image undo` puts back, if one was made. */
  escrow: z.string().nullable(),
});

export type RestoreMark = z.infer<typeof schema>;

/**
 * The last 4 KiB of the first MiB, which is otherwise blank until the restore ends. No boot code, table or superblock is looked for there:
 * those stand at the start of a disk (to 256 KiB), at its end, or from 1 MiB on (docs/decisions/014-delta-and-resume.md).
 */
export const markPlace: Extent = { startBytes: 2 ** 20 - 4096, lengthBytes: 4096 };

const firstLine = 'deploy-os incomplete restore 1';

export function encodeMark(mark: RestoreMark): Buffer {
  const text = `${firstLine}\n${JSON.stringify(mark)}\n`;
  const block = Buffer.alloc(markPlace.lengthBytes);
  block.write(`${text}${digestOf(Buffer.from(text))}\n`);
  return block;
}

/** The mark in a block read from `markPlace`; null when there is none, or a damaged one. */
export function decodeMark(block: Uint8Array): RestoreMark | null {
  const [first, json = '', digest] = Buffer.from(block).toString().split('\n');
  if (first !== firstLine || digest !== digestOf(Buffer.from(`${first}\n${json}\n`))) return null;
  try {
    return schema.parse(JSON.parse(json));
  } catch {
    return null;
  }
}

/**
 * The mark on a disk, or in a partition. What is blank in front of it tells it from one that is left over, in the free space of what was
 * written since. @throws source-read, source-vanished
 */
export async function readMark(disk: ByteReader): Promise<RestoreMark | null> {
  const { startBytes, lengthBytes } = markPlace;
  const mark = disk.sizeBytes < startBytes + lengthBytes ? null : decodeMark(await disk.read(startBytes, lengthBytes));
  return mark !== null && (await disk.read(0, startBytes)).equals(Buffer.alloc(startBytes)) ? mark : null;
}
