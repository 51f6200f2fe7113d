// A stream that is a raw disk or a partclone image, brought to the scratch disk.
import { openReader } from '../blockdev/open-reader.ts';
import { throwIfCancelled } from '../cancelled.ts';
import type { DiskMap } from '../disk-map.ts';
import type { RunOptions } from '../progress.ts';
import { describePartclone } from './map-partclone.ts';
import { type PartcloneContent, unpackPartclone } from './partclone-image.ts';
import type { ScratchDisk } from './scratch-disk.ts';
import type { SequentialReader } from './sequential-reader.ts';

/** What of a raw disk is all zeros is left out in pieces of this size. */
const pieceBytes = 65_536;
const reportEveryBytes = 256 * 2 ** 20;
const zeros = Buffer.alloc(pieceBytes);

/** Its length is that of the disk. @throws scratch-full, cancelled, … */
export async function unpackRaw(stream: SequentialReader, scratch: ScratchDisk, options: RunOptions): Promise<void> {
  let at = 0;
  for (;;) {
    throwIfCancelled(options.signal);
    const piece = await stream.readSome(pieceBytes);
    if (piece.length === 0) break;
    if (piece.compare(zeros, 0, piece.length) !== 0) await scratch.write(at, piece);
    at += piece.length;
    // How much is to come nobody knows: now and then it is said how much has.
    if (at % reportEveryBytes === 0) {
      options.onProgress?.({ phase: 'unpack', bytesDone: at, bytesTotal: at, bytesTransferred: 0 });
    }
  }
  await scratch.resize(at);
}

/** Puts the image's blocks at `startBytes` of the scratch disk. @throws import-corrupt, import-unsupported, scratch-full, cancelled */
export async function unpackBlocks(
  stream: SequentialReader,
  scratch: ScratchDisk,
  startBytes: number,
  options: RunOptions,
): Promise<PartcloneContent> {
  let bytesDone = 0;
  const content = await unpackPartclone(stream, async (offsetBytes, bytes, bytesTotal) => {
    throwIfCancelled(options.signal);
    await scratch.write(startBytes + offsetBytes, bytes);
    bytesDone += bytes.length;
    options.onProgress?.({ phase: 'unpack', bytesDone, bytesTotal, bytesTransferred: 0 });
  });
  await scratch.flush();
  return content;
}

/** A partclone image as a disk without a table. */
export async function unpackPartition(
  stream: SequentialReader,
  scratch: ScratchDisk,
  options: RunOptions,
): Promise<DiskMap> {
  const content = await unpackBlocks(stream, scratch, 0, options);
  const { deviceBytes } = content.header;
  const last = content.used.at(-1);
  const usedEnd = last === undefined ? 0 : last.startBytes + last.lengthBytes;
  const sizeBytes = Math.ceil(Math.max(deviceBytes, usedEnd) / 512) * 512;
  await scratch.resize(sizeBytes);
  const reader = await openReader(scratch.path);
  try {
    const identity = { number: 0, startBytes: 0, sizeBytes, type: null, partitionUuid: null, partitionName: null };
    const partition = { ...identity, ...(await describePartclone(reader, content)) };
    const disk = { sizeBytes, sectorSizeBytes: 512, table: 'none', diskId: null } as const;
    return { ...disk, partitions: [partition], used: content.used, notes: [] };
  } finally {
    await reader.close();
  }
}
