// The body of a batched chunk upload (`POST /v1/chunks`, application/octet-stream): chunks in their stored form, one after another.
import { DeployError } from '../../protocol/errors.ts';

/** Layout of one record: digest (32 bytes), length of the stored chunk (u32, little-endian), the stored chunk. */
const headerBytes = 36;

/** A larger body, or a longer stored chunk inside it, is refused. */
export const maxBatchBytes = 32 * 1024 * 1024;

type StoredChunk = { readonly digest: string; readonly stored: Uint8Array };

/** The parts of the body, in order; nothing is copied but the headers. */
export function encodeChunkBatch(chunks: readonly StoredChunk[]): Uint8Array[] {
  return chunks.flatMap(({ digest, stored }) => {
    const header = Buffer.alloc(headerBytes);
    header.write(digest, 0, 32, 'hex');
    header.writeUInt32LE(stored.length, 32);
    return [header, stored];
  });
}

/** The chunks of a body, as views into it. @throws DeployError invalid-input when a record leaves the body. */
export function decodeChunkBatch(body: Buffer): StoredChunk[] {
  const chunks: StoredChunk[] = [];
  for (let offset = 0; offset < body.length; ) {
    const length = offset + headerBytes <= body.length ? body.readUInt32LE(offset + 32) : Number.POSITIVE_INFINITY;
    const end = offset + headerBytes + length;
    if (end > body.length) {
      throw new DeployError(
        'invalid-input',
        `chunk batch: the record at byte ${offset} does not fit into ${body.length} bytes`,
      );
    }
    chunks.push({
      digest: body.toString('hex', offset, offset + 32),
      stored: body.subarray(offset + headerBytes, end),
    });
    offset = end;
  }
  return chunks;
}
