// The lab's verdict on a restore: are the used blocks of two disks the same, byte for byte, as seen from the host?
import { type FileHandle, open } from 'node:fs/promises';
import { type Extent, totalBytes } from '../../imaging/extent.ts';

const blockBytes = 4096;
const pieceBytes = 4 * 1024 * 1024;

export type DiskComparison = {
  readonly comparedBytes: number;
  /** Where the disks differ, in whole blocks, adjacent ones as one. */
  readonly differences: readonly Extent[];
};

/** Compares the bytes of `extents` (in order and disjoint) of two disk images; a part past an image's end differs. */
export async function compareDisks(a: string, b: string, extents: readonly Extent[]): Promise<DiskComparison> {
  const [left, right] = [await open(a), await open(b)];
  const differences: { startBytes: number; lengthBytes: number }[] = [];
  try {
    for (const extent of extents) {
      const endBytes = extent.startBytes + extent.lengthBytes;
      for (let at = extent.startBytes; at < endBytes; at += pieceBytes) {
        const length = Math.min(pieceBytes, endBytes - at);
        const [x, y] = await Promise.all([readPiece(left, at, length), readPiece(right, at, length)]);
        if (!x.equals(y)) noteDifferences(differences, x, y, at, length);
      }
    }
  } finally {
    await Promise.all([left.close(), right.close()]);
  }
  return { comparedBytes: totalBytes(extents), differences };
}

async function readPiece(file: FileHandle, atBytes: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, atBytes);
  return buffer.subarray(0, bytesRead);
}

function noteDifferences(
  found: { startBytes: number; lengthBytes: number }[],
  x: Buffer,
  y: Buffer,
  at: number,
  length: number,
): void {
  for (let offset = 0; offset < length; offset += blockBytes) {
    const end = Math.min(offset + blockBytes, length);
    if (x.subarray(offset, end).equals(y.subarray(offset, end)) && x.length >= end && y.length >= end) continue;
    const last = found.at(-1);
    if (last !== undefined && last.startBytes + last.lengthBytes === at + offset) last.lengthBytes += end - offset;
    else found.push({ startBytes: at + offset, lengthBytes: end - offset });
  }
}

/** Bytes of a sparse file that take room on the host: what was ever written and not discarded. */
export async function allocatedBytes(file: string): Promise<number> {
  const handle = await open(file);
  const { blocks } = await handle.stat().finally(() => handle.close());
  return blocks * 512;
}
