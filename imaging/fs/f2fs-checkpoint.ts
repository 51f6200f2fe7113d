// The checkpoints of F2FS: of the two packs the newer one that is whole says which copies of the tables are valid.
// Layout: Linux include/linux/f2fs_fs.h (struct f2fs_checkpoint, f2fs_journal); fs/f2fs/checkpoint.c, segment.c, recovery.c.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { corrupt } from './distrust.ts';
import { blockBytes, checksumOf, type F2fsGeometry, segmentBlocks } from './f2fs-superblock.ts';

/** A checkpoint pack that is whole; `head` is its first block and the payload after it. */
export type Checkpoint = { readonly firstBlock: number; readonly head: Buffer };

const flag = { unmounted: 0x1, orphans: 0x2, compact: 0x4, error: 0x8, fsck: 0x10, largeBitmap: 0x400 } as const;
const state = { quotaNeedsFsck: 0x800, disabled: 0x1000 | 0x2000, resizing: 0x4000 } as const;
const knownFlags = 0x7fff;
const bitmapsAt = 192;
const lastSumAt = 4092;
/** A journal of segment information lies in a block of summaries behind the summaries proper, or second in a compact one. */
const journalBytes = 507;
const journalAt = 3584;
const entryBytes = 74;
const journalEntries = 6;

/** The newer of the whole packs. @throws DeployError file-system-corrupt when neither is, source-read, source-vanished */
export async function readCheckpoint(bytes: ByteReader, geometry: F2fsGeometry): Promise<Checkpoint> {
  const first = await readPack(bytes, geometry, geometry.checkpointBlock);
  const second = await readPack(bytes, geometry, geometry.checkpointBlock + segmentBlocks);
  const newest = first === null || (second !== null && isNewer(second, first)) ? second : first;
  if (newest === null) throw corrupt('neither of its checkpoints is whole');
  return newest;
}

/** A pack is whole when its first and its last block both hold and are of one version. */
async function readPack(
  bytes: ByteReader,
  { checkpointPayload }: F2fsGeometry,
  firstBlock: number,
): Promise<Checkpoint | null> {
  const head = await bytes.read(firstBlock * blockBytes, (1 + checkpointPayload) * blockBytes);
  const blocks = head.readUInt32LE(136);
  if (!checkpointHolds(head.subarray(0, blockBytes)) || blocks < 3 + checkpointPayload || blocks > segmentBlocks)
    return null;
  const last = await bytes.read((firstBlock + blocks - 1) * blockBytes, blockBytes);
  return checkpointHolds(last) && versionOf(last) === versionOf(head) ? { firstBlock, head } : null;
}

function checkpointHolds(block: Buffer): boolean {
  const sumAt = block.readUInt32LE(164);
  if (sumAt < bitmapsAt || sumAt > lastSumAt) return false;
  const sum = checksumOf(block.subarray(0, sumAt));
  const whole = sumAt < lastSumAt ? checksumOf(block.subarray(sumAt + 4), sum) : sum;
  return whole === block.readUInt32LE(sumAt);
}

function versionOf(block: Buffer): bigint {
  return block.readBigUInt64LE(0);
}

function isNewer(a: Checkpoint, b: Checkpoint): boolean {
  return BigInt.asIntN(64, versionOf(a.head) - versionOf(b.head)) > 0n;
}

/** Why the state that the checkpoint describes is not all there is, or null. */
export function findDirt({ head }: Checkpoint): string | null {
  const flags = head.readUInt32LE(132);
  if (flags & (flag.error | flag.fsck)) return 'errors are recorded in it';
  if (!(flags & flag.unmounted)) return 'it was not unmounted cleanly';
  if (flags & flag.orphans) return 'deleted files wait in it to be freed (not unmounted cleanly)';
  if (flags & state.quotaNeedsFsck) return 'its quota files need a check';
  if (flags & state.disabled) return 'its checkpoints are switched off';
  if (flags & state.resizing) return 'a resize was not completed';
  const unknown = flags & ~knownFlags;
  return unknown === 0 ? null : `its checkpoint has marks this reader does not know: 0x${(unknown >>> 0).toString(16)}`;
}

/**
 * Whether files were synced after the checkpoint: the chain of their nodes starts where the next warm node would go.
 * Mounting rolls it forward, into blocks that no table calls used.
 */
export async function hasLaterNodes(bytes: ByteReader, geometry: F2fsGeometry, { head }: Checkpoint): Promise<boolean> {
  const [segment, offset] = [head.readUInt32LE(40), head.readUInt16LE(70)];
  if (segment >= geometry.mainSegments || offset >= segmentBlocks)
    throw corrupt('its checkpoint points outside the file system');
  const block = await bytes.read((geometry.mainBlock + segment * segmentBlocks + offset) * blockBytes, blockBytes);
  // The upper half of the version in a node's footer may be a checksum; the lower half always is the checkpoint's.
  return block.readUInt32LE(4084) === head.readUInt32LE(0) && head.readUInt32LE(0) !== 0;
}

/** For each block of segment information, a bit (most significant first): whether its second copy is the valid one. */
export function readCopyBitmap({ head }: Checkpoint, geometry: F2fsGeometry): Buffer {
  const [infoBytes, addressBytes] = [head.readUInt32LE(156), head.readUInt32LE(160)];
  const at = locateCopyBitmap(head, geometry, addressBytes);
  if (infoBytes !== geometry.segmentInfoBlocks / 8 || at + infoBytes > head.length)
    throw corrupt('its checkpoint does not fit its tables');
  return head.subarray(at, at + infoBytes);
}

function locateCopyBitmap(head: Buffer, { checkpointPayload }: F2fsGeometry, addressBytes: number): number {
  const sumBytes = head.readUInt32LE(164) === bitmapsAt ? 4 : 0;
  if (head.readUInt32LE(132) & flag.largeBitmap) return bitmapsAt + addressBytes + sumBytes;
  return checkpointPayload > 0 ? blockBytes : bitmapsAt;
}

/** The entries of the segment information table that the checkpoint itself holds, by segment: they are newer than the table's. */
export async function readJournal(
  bytes: ByteReader,
  geometry: F2fsGeometry,
  checkpoint: Checkpoint,
): Promise<Map<number, Buffer>> {
  const { head, firstBlock } = checkpoint;
  const [blocks, summaryBlock] = [head.readUInt32LE(136), head.readUInt32LE(140)];
  const compact = (head.readUInt32LE(132) & flag.compact) !== 0;
  // Three blocks of data summaries, three of node summaries and the last block end a pack that is not compact.
  const fits = compact ? summaryBlock < blocks - 1 : summaryBlock === blocks - 7;
  if (!fits || summaryBlock <= geometry.checkpointPayload) throw corrupt('its checkpoint contradicts itself');
  const coldData = firstBlock + summaryBlock + (compact ? 0 : 2);
  const block = await bytes.read(coldData * blockBytes, blockBytes);
  const journal = block.subarray(compact ? journalBytes : journalAt);
  const count = journal.readUInt16LE(0);
  if (count > journalEntries) throw corrupt('the journal in its checkpoint is damaged');
  const entries = new Map<number, Buffer>();
  for (let i = 0; i < count; i++) {
    const at = 2 + i * (4 + entryBytes);
    entries.set(journal.readUInt32LE(at), journal.subarray(at + 4, at + 4 + entryBytes));
  }
  if ([...entries.keys()].some((segment) => segment >= geometry.mainSegments))
    throw corrupt('the journal in its checkpoint is damaged');
  return entries;
}
