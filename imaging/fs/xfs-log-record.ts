// The records of an XFS log, and how a device that is nothing but a log is told by them.
// Layout: Linux fs/xfs/libxfs/xfs_log_format.h (struct xlog_rec_header); how a log is recognised: util-linux libblkid/src/superblocks/xfs.c.
import type { ByteReader } from '../blockdev/byte-reader.ts';

/** The log is a ring of these; each starts with the number of the lap it was written in. */
export const logBlockBytes = 512;
export const recordMagic = 0xfeedbabe;
/** Where the header of a record has the file system's UUID. */
export const uuidAt = 304;
/** A record is no longer than this, so that one begins in the first bytes of every log that was ever written. */
const searchedBytes = 256 * 1024;

/** The UUID of the file system whose log is in `bytes`, or null where there is no log. @throws DeployError source-read, source-vanished */
export async function findLogUuid(bytes: ByteReader): Promise<Buffer | null> {
  const head = await bytes.read(0, Math.min(searchedBytes, bytes.sizeBytes));
  for (let at = 0; at + logBlockBytes <= head.length; at += logBlockBytes) {
    const block = head.subarray(at, at + logBlockBytes);
    // What an XFS holds further on is its own, or stale.
    if (block.toString('latin1', 0, 4) === 'XFSB') return null;
    if (isRecord(block)) return Buffer.from(block.subarray(uuidAt, uuidAt + 16));
  }
  return null;
}

/** A version and a format there are, and a length that a record can have. */
function isRecord(block: Buffer): boolean {
  const [version, length, format] = [block.readUInt32BE(8), block.readUInt32BE(12), block.readUInt32BE(300)];
  const sane = (version === 1 || version === 2) && length > 0 && length <= searchedBytes && format >= 1 && format <= 3;
  return block.readUInt32BE(0) === recordMagic && sane;
}
