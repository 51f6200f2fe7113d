// The segment information table of F2FS: a bitmap of valid blocks for each 2 MiB segment of the main area.
// Layout: Linux include/linux/f2fs_fs.h (struct f2fs_sit_entry); fs/f2fs/segment.c (build_sit_entries).
import type { ByteReader } from '../blockdev/byte-reader.ts';
import type { Extent } from '../extent.ts';
import { BlockList, scanBitmap } from './block-list.ts';
import { corrupt } from './distrust.ts';
import { type Checkpoint, readCopyBitmap, readJournal } from './f2fs-checkpoint.ts';
import { blockBytes, type F2fsGeometry, segmentBlocks } from './f2fs-superblock.ts';

const entryBytes = 74;
const entriesPerBlock = 55;
const bitmapBytes = segmentBlocks / 8;
/** Blocks of the table that follow each other in one copy are read together, up to this many. */
const batchBlocks = 64;
const firstNodeType = 3;

/**
 * Everything in front of the main area, and its valid blocks.
 * @throws DeployError file-system-corrupt when counts do not agree, source-read, source-vanished
 */
export async function readUsedBlocks(
  bytes: ByteReader,
  geometry: F2fsGeometry,
  checkpoint: Checkpoint,
): Promise<Extent[]> {
  const used = new BlockList(blockBytes);
  used.add(0, geometry.mainBlock);
  const journal = await readJournal(bytes, geometry, checkpoint);
  const counts = { node: 0, all: 0 };
  let segment = 0;
  for await (const table of readTable(bytes, geometry, readCopyBitmap(checkpoint, geometry))) {
    for (let at = 0; at < table.length && segment < geometry.mainSegments; at += blockBytes) {
      for (let i = 0; i < entriesPerBlock && segment < geometry.mainSegments; i++, segment++) {
        const entry = journal.get(segment) ?? table.subarray(at + i * entryBytes, at + (i + 1) * entryBytes);
        const valid = addSegment(geometry, segment, entry, used);
        counts.all += valid;
        if (entry.readUInt16LE(0) >>> 10 >= firstNodeType) counts.node += valid;
      }
    }
  }
  // Blocks that are promised to a file but never written count as valid in the checkpoint, not in the table.
  const agree =
    counts.node === checkpoint.head.readUInt32LE(144) && BigInt(counts.all) <= checkpoint.head.readBigUInt64LE(16);
  if (!agree) throw corrupt('its valid blocks do not add up');
  return used.toExtents();
}

/** The valid copies of the blocks of the table, in order, several at a time. */
async function* readTable(bytes: ByteReader, geometry: F2fsGeometry, secondCopy: Buffer): AsyncGenerator<Buffer> {
  const blocks = Math.ceil(geometry.mainSegments / entriesPerBlock);
  if (blocks > geometry.segmentInfoBlocks) throw corrupt('its segment table is too short');
  const copyOf = (block: number) => ((secondCopy[block >>> 3] as number) >>> (7 - (block & 7))) & 1;
  let first = 0;
  while (first < blocks) {
    let end = first + 1;
    while (end < blocks && end - first < batchBlocks && copyOf(end) === copyOf(first)) end++;
    const start = geometry.segmentInfoBlock + copyOf(first) * geometry.segmentInfoBlocks + first;
    yield await bytes.read(start * blockBytes, (end - first) * blockBytes);
    first = end;
  }
}

const reversed = Buffer.from(Array.from({ length: 256 }, (_, byte) => reverseBits(byte)));
const bitmap = Buffer.alloc(bitmapBytes);

function reverseBits(byte: number): number {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) result |= 0x80 >>> bit;
  return result;
}

/** Adds the valid blocks of a segment and returns how many they are. */
function addSegment(geometry: F2fsGeometry, segment: number, entry: Buffer, used: BlockList): number {
  // F2FS counts bits from the most significant one.
  for (let i = 0; i < bitmapBytes; i++) bitmap[i] = reversed[entry[2 + i] as number] as number;
  const firstBlock = geometry.mainBlock + segment * segmentBlocks;
  const valid = scanBitmap(bitmap, segmentBlocks, (from, to) => used.add(firstBlock + from, firstBlock + to));
  if (valid !== (entry.readUInt16LE(0) & 0x3ff)) {
    throw corrupt(
      `segment ${segment} has ${valid} valid blocks in its bitmap and ${entry.readUInt16LE(0) & 0x3ff} by its count`,
    );
  }
  return valid;
}
