// What an unfinished overwrite leaves in the target's first MiB, which else is blank until the end: how far it has come, so that the next one goes on from there.
import { z } from 'zod';
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { markPlace } from '../blockdev/restore-mark.ts';
import { digestOf } from '../chunk/digest.ts';

const schema = z.object({
  pattern: z.enum(['zeros', 'random']),
  seed: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  sizeBytes: z.int().min(0),
  /** On the medium: everything before this place. */
  doneBytes: z.int().min(0),
});
export type WipeMark = z.infer<typeof schema>;

const firstLine = 'deploy-os incomplete wipe 1';

export function encodeWipeMark(mark: WipeMark): Buffer {
  const text = `${firstLine}\n${JSON.stringify(mark)}\n`;
  const block = Buffer.alloc(markPlace.lengthBytes);
  block.write(`${text}${digestOf(Buffer.from(text))}\n`);
  return block;
}

/**
 * The mark of a wipe of a disk of this size; null when there is none, a damaged one, or one that has been written over since: then
 * what is in front of it is not blank any more. @throws source-read, source-vanished
 */
export async function readWipeMark(disk: ByteReader): Promise<WipeMark | null> {
  const { startBytes, lengthBytes } = markPlace;
  if (disk.sizeBytes < startBytes + lengthBytes) return null;
  const [first, json = '', digest] = (await disk.read(startBytes, lengthBytes)).toString().split('\n');
  if (first !== firstLine || digest !== digestOf(Buffer.from(`${first}\n${json}\n`))) return null;
  if (!(await disk.read(0, startBytes)).equals(Buffer.alloc(startBytes))) return null;
  try {
    const mark = schema.parse(JSON.parse(json));
    return mark.sizeBytes === disk.sizeBytes && mark.doneBytes <= mark.sizeBytes ? mark : null;
  } catch {
    return null;
  }
}
