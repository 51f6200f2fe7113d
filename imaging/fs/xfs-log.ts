// The log of XFS: whether its last record says that the file system was unmounted, so that nothing in it waits to be replayed.
// Layout: "XFS Algorithms & Data Structures", Journaling Log; Linux fs/xfs/xfs_log_recover.c (xlog_find_head, xlog_check_unmount_rec).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import type { XfsGeometry } from './xfs-superblock.ts';

/** The log is a ring of these; each starts with the number of the lap it was written in. */
const blockBytes = 512;
const recordMagic = 0xfeedbabe;
const unmountFlag = 0x20;
/** One header block holds the lap numbers of this many bytes of a record. */
const bytesPerHeader = 32768;
/** Eight buffers of at most 256 KiB are written at a time, in any order: as far before the head a write may be missing. */
const windowBlocks = (8 * 262144) / blockBytes;

type Log = { readonly bytes: ByteReader; readonly startBytes: number; readonly blockCount: number };

/**
 * Whether the log ends with the record of an unmount, and no later write is to be seen.
 * @throws DeployError file-system-corrupt when its laps make no sense, source-read, source-vanished
 */
export async function isLogClean(bytes: ByteReader, geometry: XfsGeometry): Promise<boolean> {
  const log: Log = {
    bytes,
    startBytes: geometry.log.firstBlock * geometry.blockBytes,
    blockCount: (geometry.log.blockCount * geometry.blockBytes) / blockBytes,
  };
  const first = await readLap(log, 0);
  const last = await readLap(log, log.blockCount - 1);
  // Not yet once around, all around exactly, or in between.
  if (first === 0 || (last !== 0 && last !== first && last !== first - 1)) throw corrupt('its log makes no sense');
  const head = last === first ? log.blockCount : await findHead(log, last);
  const after = await readRing(log, head, Math.min(windowBlocks, log.blockCount - head));
  if (!isOfLaps(after, () => last)) return false;
  const count = Math.min(windowBlocks, last === 0 ? head : log.blockCount);
  const before = await readRing(log, head - count, count);
  if (isOfLaps(before, (i) => (head - count + i >= 0 ? first : last))) return endsWithUnmount(before);
  return last !== 0 && (await wasMadeAnew(log, { head, first, last }));
}

/**
 * Whether xfs_repair or xfs_admin made the log anew (libxfs_log_clear): a short unmount record of a new lap, zeros, and full
 * unmount records of the lap before. The kernel drops the short one and takes the last of the full ones.
 */
async function wasMadeAnew(
  log: Log,
  { head, first, last }: { head: number; first: number; last: number },
): Promise<boolean> {
  if (head > windowBlocks) return false;
  const start = await readRing(log, 0, head);
  if (!isOfLaps(start, (i) => (i < 2 ? first : 0)) || !endsWithUnmount(start.subarray(0, 2 * blockBytes))) return false;
  const count = Math.min(windowBlocks, log.blockCount - head);
  const end = await readRing(log, -count, count);
  return isOfLaps(end, () => last) && endsWithUnmount(end);
}

/** The first block of those at the end of the ring that are of lap `last`. */
async function findHead(log: Log, last: number): Promise<number> {
  let low = 0;
  let high = log.blockCount - 1;
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if ((await readLap(log, middle)) === last) high = middle;
    else low = middle;
  }
  return high;
}

async function readLap(log: Log, block: number): Promise<number> {
  return lapOf(await log.bytes.read(log.startBytes + block * blockBytes, blockBytes), 0);
}

function lapOf(blocks: Buffer, block: number): number {
  const word = blocks.readUInt32BE(block * blockBytes);
  return word === recordMagic ? blocks.readUInt32BE(block * blockBytes + 4) : word;
}

/** A lap that is not the expected one is a write that never reached the disk, or one after the head. */
function isOfLaps(blocks: Buffer, expected: (block: number) => number): boolean {
  for (let i = 0; i * blockBytes < blocks.length; i++) if (lapOf(blocks, i) !== expected(i)) return false;
  return true;
}

/** `count` blocks from `first` on, which is below zero for the end of the ring. */
async function readRing(log: Log, first: number, count: number): Promise<Buffer> {
  const read = (from: number, blocks: number) =>
    log.bytes.read(log.startBytes + from * blockBytes, blocks * blockBytes);
  if (first >= 0) return count === 0 ? Buffer.alloc(0) : await read(first, count);
  const wrapped = Math.min(count, -first);
  const tail = await read(log.blockCount + first, wrapped);
  return wrapped === count ? tail : Buffer.concat([tail, await read(0, count - wrapped)]);
}

/** Whether the last record in `blocks` is an unmount's and ends where they end. */
function endsWithUnmount(blocks: Buffer): boolean {
  const count = blocks.length / blockBytes;
  let at = count - 1;
  while (at >= 0 && blocks.readUInt32BE(at * blockBytes) !== recordMagic) at--;
  if (at < 0) return false;
  const header = blocks.subarray(at * blockBytes, (at + 1) * blockBytes);
  const bufferBytes = header.readUInt32BE(8) === 2 ? header.readUInt32BE(320) : 0;
  const operation = at + Math.max(1, Math.ceil(bufferBytes / bytesPerHeader));
  if (operation >= count || operation + Math.ceil(header.readUInt32BE(12) / blockBytes) !== count) return false;
  return header.readUInt32BE(40) === 1 && ((blocks[operation * blockBytes + 9] as number) & unmountFlag) !== 0;
}
