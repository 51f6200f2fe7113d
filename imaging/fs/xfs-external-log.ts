// The log of an XFS that lies on a device of its own: found among the other places of the same disk by the UUID in its records, and then read like any log.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { findArray } from '../blockdev/member-signature.ts';
import type { Siblings } from './siblings.ts';
import { findCleanEnd } from './xfs-log.ts';
import { findLogUuid, logBlockBytes } from './xfs-log-record.ts';
import type { XfsGeometry } from './xfs-superblock.ts';

/** What a buffer that was never logged says. */
const noLsn = 0xffffffffffffffffn;

/**
 * Where the log that lies elsewhere ends, if that says that the file system was unmounted, as a log sequence number; or the
 * reason why it cannot be told. @throws DeployError file-system-corrupt, source-read, source-vanished
 */
export async function readExternalLog(geometry: XfsGeometry, siblings: Siblings | undefined): Promise<bigint | string> {
  const found: ByteReader[] = [];
  for (const bytes of siblings === undefined ? [] : await siblings()) {
    const uuid = await findLogUuid(bytes);
    if (uuid?.equals(geometry.uuid) === true && (await findArray(bytes)) === null) found.push(bytes);
  }
  const [bytes, ...others] = found;
  if (bytes === undefined) return 'its log is on another device, and is not found on this disk';
  if (others.length > 0) return `its log is on another device, and ${found.length} places on this disk look like it`;
  const blockCount = (geometry.log.blockCount * geometry.blockBytes) / logBlockBytes;
  if (blockCount * logBlockBytes > bytes.sizeBytes) return 'its log, on another partition, is cut short';
  const end = await findCleanEnd({ bytes, startBytes: 0, blockCount, uuid: geometry.uuid });
  if (end === null) return 'its log, on another partition, has not been replayed (not unmounted cleanly)';
  return isBehind(geometry.lastLsn, end) ? end : 'its log, on another partition, is older than the file system';
}

/** Whether what was last logged as `lsn` can be in a log that ends at `end`: one that was left behind when the log moved elsewhere ends earlier. */
export function isBehind(lsn: bigint, end: bigint): boolean {
  return lsn === noLsn || lsn <= end;
}
