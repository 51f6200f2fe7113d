// The log of XFS: whether its last record says that the file system was unmounted, so that nothing in it waits to be replayed.
// Layout: "XFS Algorithms & Data Structures", Journaling Log; Linux fs/xfs/xfs_log_recover.c (xlog_find_head, xlog_check_unmount_rec).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import { logBlockBytes, recordMagic, uuidAt } from './xfs-log-record.ts';
import type { XfsGeometry } from './xfs-superblock.ts';

const unmountFlag = 0x20;
/** One header block holds the lap numbers of this many bytes of a record. */
const bytesPerHeader = 32768;
/** Eight buffers of at most 256 KiB are written at a time, in any order: as far before the head a write may be missing. */
const windowBlocks = (8 * 262144) / logBlockBytes;

export type XfsLog = {
  readonly bytes: ByteReader;
  readonly startBytes: number;
  readonly blockCount: number;
  /** Whose records count; of a log inside its file system any do. */
  readonly uuid?: Buffer;
};

/** The log of an XFS that keeps it inside itself. */
export function internalLog(bytes: ByteReader, { log, blockBytes }: XfsGeometry): XfsLog {
  return {
    bytes,
    startBytes: log.firstBlock * blockBytes,
    blockCount: (log.blockCount * blockBytes) / logBlockBytes,
  };
}

/**
 * Where the log ends, as a log sequence number (lap and block), if it ends with the record of an unmount and no later write is to be seen; else null.
 * @throws DeployError file-system-corrupt when its laps make no sense, source-read, source-vanished
 */
export async function findCleanEnd(log: XfsLog): Promise<bigint | null> {
  const first = await readLap(log, 0);
  const last = await readLap(log, log.blockCount - 1);
  // Not yet once around, all around exactly, or in between.
  if (first === 0 || (last !== 0 && last !== first && last !== first - 1)) throw corrupt('its log makes no sense');
  const head = last === first ? log.blockCount : await findHead(log, last);
  const after = await readRing(log, head, Math.min(windowBlocks, log.blockCount - head));
  if (!isOfLaps(after, () => last)) return null;
  const end = (BigInt(first) << 32n) | BigInt(head);
  const count = Math.min(windowBlocks, last === 0 ? head : log.blockCount);
  const before = await readRing(log, head - count, count);
  if (isOfLaps(before, (i) => (head - count + i >= 0 ? first : last)))
    return endsWithUnmount(before, log.uuid) ? end : null;
  return last !== 0 && (await wasMadeAnew(log, { head, first, last })) ? end : null;
}

/**
 * Whether xfs_repair or xfs_admin made the log anew (libxfs_log_clear): a short unmount record of a new lap, zeros, and full
 * unmount records of the lap before. The kernel drops the short one and takes the last of the full ones.
 */
async function wasMadeAnew(
  log: XfsLog,
  { head, first, last }: { head: number; first: number; last: number },
): Promise<boolean> {
  if (head > windowBlocks) return false;
  const start = await readRing(log, 0, head);
  if (!isOfLaps(start, (i) => (i < 2 ? first : 0)) || !endsWithUnmount(start.subarray(0, 2 * logBlockBytes), log.uuid))
    return false;
  const count = Math.min(windowBlocks, log.blockCount - head);
  const end = await readRing(log, -count, count);
  return isOfLaps(end, () => last) && endsWithUnmount(end, log.uuid);
}

/** The first block of those at the end of the ring that are of lap `last`. */
async function findHead(log: XfsLog, last: number): Promise<number> {
  let low = 0;
  let high = log.blockCount - 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if ((await readLap(log, middle)) === last) high = middle;
    else low = middle;
  }
  return high;
}

async function readLap(log: XfsLog, block: number): Promise<number> {
  return lapOf(await log.bytes.read(log.startBytes + block * logBlockBytes, logBlockBytes), 0);
}

function lapOf(blocks: Buffer, block: number): number {
  const word = blocks.readUInt32BE(block * logBlockBytes);
  return word === recordMagic ? blocks.readUInt32BE(block * logBlockBytes + 4) : word;
}

/** A lap that is not the expected one is a write that never reached the disk, or one after the head. */
function isOfLaps(blocks: Buffer, expected: (block: number) => number): boolean {
  for (let i = 0; i * logBlockBytes < blocks.length; i++) if (lapOf(blocks, i) !== expected(i)) return false;
  return true;
}

/** `count` blocks from `first` on, which is below zero for the end of the ring. */
async function readRing(log: XfsLog, first: number, count: number): Promise<Buffer> {
  const read = (from: number, blocks: number) =>
    log.bytes.read(log.startBytes + from * logBlockBytes, blocks * logBlockBytes);
  if (first >= 0) return count === 0 ? Buffer.alloc(0) : await read(first, count);
  const wrapped = Math.min(count, -first);
  const tail = await read(log.blockCount + first, wrapped);
  return wrapped === count ? tail : Buffer.concat([tail, await read(0, count - wrapped)]);
}

/** Whether the last record in `blocks` is an unmount's and ends where they end; and of the file system `uuid`, where that is given. */
function endsWithUnmount(blocks: Buffer, uuid: Buffer | undefined): boolean {
  const count = blocks.length / logBlockBytes;
  let at = count - 1;
  while (at >= 0 && blocks.readUInt32BE(at * logBlockBytes) !== recordMagic) at--;
  if (at < 0) return false;
  const header = blocks.subarray(at * logBlockBytes, (at + 1) * logBlockBytes);
  if (uuid !== undefined && !uuid.equals(header.subarray(uuidAt, uuidAt + 16))) return false;
  const bufferBytes = header.readUInt32BE(8) === 2 ? header.readUInt32BE(320) : 0;
  const operation = at + Math.max(1, Math.ceil(bufferBytes / bytesPerHeader));
  if (operation >= count || operation + Math.ceil(header.readUInt32BE(12) / logBlockBytes) !== count) return false;
  return header.readUInt32BE(40) === 1 && ((blocks[operation * logBlockBytes + 9] as number) & unmountFlag) !== 0;
}
