// Finds the partition table of a disk, GPT before MBR, at whichever sector size it was written for.
import type { ByteReader } from '../blockdev/byte-reader.ts';
import { readGpt } from './gpt.ts';
import { readMbr } from './mbr.ts';
import type { TableFinding } from './partition.ts';

/**
 * The table of `disk`. A GPT is looked for at the disk's own sector size and then at the other one: an image file
 * does not say which it was made for. An MBR is read at the disk's own.
 */
export async function readTable(disk: ByteReader): Promise<TableFinding> {
  if (disk.sizeBytes < disk.sectorSizeBytes) return { kind: 'none' };
  const own = await readGpt(disk);
  if (own.kind === 'table') return own;
  const other = await readGpt(withSectorSize(disk, disk.sectorSizeBytes === 512 ? 4096 : 512));
  if (other.kind === 'table') return other;
  return own.kind === 'unusable' ? own : await readMbr(disk);
}

function withSectorSize(disk: ByteReader, sectorSizeBytes: number): ByteReader {
  return { sizeBytes: disk.sizeBytes, sectorSizeBytes, label: disk.label, read: (at, length) => disk.read(at, length) };
}
