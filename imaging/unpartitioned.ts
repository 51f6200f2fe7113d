// Which bytes outside of all partitions a capture reads: those in which something is known to live. A part of the map.
// docs/decisions/025-unpartitioned-space.md says what that is, and where each number comes from.
import type { ByteReader } from './blockdev/byte-reader.ts';
import { intersect } from './chunk/ranges.ts';
import { type Extent, mergeExtents, totalBytes } from './extent.ts';
import { claimedBytes, claimedHeadBytes } from './fs/claimed-size.ts';
import { readFileSystem } from './fs/detect.ts';
import { readGptCopy } from './partition/gpt.ts';
import { dynamicTypes, type Partition, type PartitionTable } from './partition/partition.ts';

const mib = 2 ** 20;
/** A gap no longer than this is kept whole; the one in front of the first partition, which boards boot from, up to more. */
const wholeGapBytes = 64 * mib;
const wholeBootGapBytes = 1024 * mib;
/** Of a longer one its ends are kept: boot loaders at the disk's start, marks and backups at its end, and beside partitions their track. */
const [diskStartBytes, diskEndBytes, besidePartitionBytes] = [64 * mib, 16 * mib, mib];

export type Outside = {
  /** Merged, in order. */
  readonly kept: readonly Extent[];
  readonly notes: readonly string[];
};

type OutsideOptions = {
  /** Keep all of it. */
  readonly unpartitioned: boolean | undefined;
  /** What to say of a place that cannot be read, or the error thrown on. */
  readonly reasonToGoOn: (thrown: unknown) => string;
};

/**
 * What of the bytes in no partition is to be captured, and a note on what is not. All of it, where something says that the table
 * does not tell all that is on the disk. @throws DeployError source-read, source-vanished
 */
export async function keepOutside(
  reader: ByteReader,
  table: PartitionTable,
  { unpartitioned, reasonToGoOn }: OutsideOptions,
): Promise<Outside> {
  const gaps = findGaps(leavesOf(table), reader.sizeBytes);
  const kept = mergeExtents([
    ...gaps.flatMap((gap) => keepOfGap(gap, reader.sizeBytes)),
    ...intersect(gaps, mergeExtents(table.ownExtents.map(withTrack))),
  ]);
  if (totalBytes(gaps) === totalBytes(kept) || unpartitioned === true) return { kept: gaps, notes: [] };
  const doubt = await findDoubt(reader, table).catch(reasonToGoOn);
  if (doubt !== null)
    return { kept: gaps, notes: [`${doubt}: all that lies outside of its partitions is captured too`] };
  const overhangs = await findOverhangs(reader, table).catch((thrown: unknown) => {
    reasonToGoOn(thrown);
    return gaps;
  });
  const all = mergeExtents([...kept, ...intersect(gaps, overhangs)]);
  const leftOutBytes = totalBytes(gaps) - totalBytes(all);
  if (leftOutBytes === 0) return { kept: gaps, notes: [] };
  const note = `${leftOutBytes} bytes outside of its partitions are not captured; they are with --unpartitioned`;
  return { kept: all, notes: [note] };
}

/** All partitions but the containers of logical ones. */
export function leavesOf({ partitions }: PartitionTable): Partition[] {
  return partitions.filter(({ container }) => !container);
}

function findGaps(leaves: readonly Partition[], sizeBytes: number): Extent[] {
  const gaps: Extent[] = [];
  let at = 0;
  const places = leaves.map(({ startBytes, sizeBytes: lengthBytes }) => ({ startBytes, lengthBytes }));
  for (const { startBytes, lengthBytes } of mergeExtents(places)) {
    if (startBytes > at) gaps.push({ startBytes: at, lengthBytes: startBytes - at });
    at = startBytes + lengthBytes;
  }
  if (at < sizeBytes) gaps.push({ startBytes: at, lengthBytes: sizeBytes - at });
  return gaps;
}

function keepOfGap(gap: Extent, diskBytes: number): Extent[] {
  const { startBytes, lengthBytes } = gap;
  const endBytes = startBytes + lengthBytes;
  const [isFirst, isLast] = [startBytes === 0, endBytes === diskBytes];
  if (lengthBytes <= (isFirst && !isLast ? wholeBootGapBytes : wholeGapBytes)) return [gap];
  const tailBytes = isLast ? diskEndBytes : besidePartitionBytes;
  return [
    { startBytes, lengthBytes: isFirst ? diskStartBytes : besidePartitionBytes },
    { startBytes: endBytes - tailBytes, lengthBytes: tailBytes },
  ];
}

/** A boot record, wherever it lies, with the rest of its track. */
function withTrack({ startBytes, lengthBytes }: Extent): Extent {
  return { startBytes, lengthBytes: Math.max(lengthBytes, besidePartitionBytes) };
}

/** What file systems that are longer than their partitions claim behind them. */
async function findOverhangs(reader: ByteReader, table: PartitionTable): Promise<Extent[]> {
  const overhangs: Extent[] = [];
  for (const { startBytes, sizeBytes } of leavesOf(table)) {
    const head = await reader.read(startBytes, Math.min(claimedHeadBytes, sizeBytes));
    const claimed = Math.ceil(claimedBytes(head) / 512) * 512;
    const lengthBytes = Math.min(claimed, reader.sizeBytes - startBytes) - sizeBytes;
    if (lengthBytes > 0) overhangs.push({ startBytes: startBytes + sizeBytes, lengthBytes });
  }
  return mergeExtents(overhangs);
}

/** Why there may be more on the disk than the table lists, or null. */
async function findDoubt(reader: ByteReader, table: PartitionTable): Promise<string | null> {
  if (table.partitions.some(({ type }) => dynamicTypes.includes(type))) return 'it is a dynamic disk of Windows';
  if (table.hybrid === true) return 'its hybrid MBR lists partitions too';
  if (table.type === 'mbr')
    return (await readGptCopy(reader, 1)) === null ? null : 'a GPT is there too, which its MBR does not tell of';
  const { fileSystem } = await readFileSystem(reader);
  return fileSystem === null ? null : `a file system (${fileSystem}) starts where the disk starts`;
}
