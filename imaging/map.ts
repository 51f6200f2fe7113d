// Says which bytes of a disk are used: table, partitions, file systems. The step before a capture, and `image map`.
import { DeployError, toDeployError } from '../protocol/errors.ts';
import { type ByteReader, windowOf } from './blockdev/byte-reader.ts';
import { checkNoMember } from './blockdev/check-source.ts';
import { findArray } from './blockdev/member-signature.ts';
import { openReader } from './blockdev/open-reader.ts';
import { readMark } from './blockdev/restore-mark.ts';
import { intersect, shift } from './chunk/ranges.ts';
import type { DiskMap, PartitionMap } from './disk-map.ts';
import { type Extent, mergeExtents, totalBytes } from './extent.ts';
import { readFileSystem } from './fs/detect.ts';
import { listVolumes } from './fs/lvm.ts';
import type { RawMap } from './fs/raw.ts';
import { type Siblings, siblingsOf } from './fs/siblings.ts';
import type { Partition, PartitionTable } from './partition/partition.ts';
import { readTable } from './partition/read-table.ts';
import type { RunOptions } from './progress.ts';
import { keepOutside, leavesOf } from './unpartitioned.ts';

export type MapOptions = RunOptions & {
  /** The source has bad sectors: what describes a part of it and cannot be read makes that part raw, with a note. */
  readonly rescue?: boolean;
  /** Every byte outside of partitions counts as used, not only where something is known to live. */
  readonly unpartitioned?: boolean;
};

/**
 * The map of the block device or regular file at `path`, which must be no member of an array (unless `allowMember`).
 * It may be in use: a look changes nothing. Each note is also given to `onWarning`.
 * @throws DeployError device-not-found, invalid-input, source-member, source-read, source-vanished, cancelled
 */
export async function mapDisk(path: string, options: MapOptions & { allowMember?: boolean } = {}): Promise<DiskMap> {
  if (options.allowMember !== true && options.rescue !== true) await checkNoMember(path);
  const reader = await openReader(path);
  try {
    const map = await noteMarks(await mapBytes(stoppable(reader, options.signal), options), reader, options);
    warnOfNotes(map, reader.label, options);
    return map;
  } finally {
    await reader.close();
  }
}

/** A disk, or a partition, that an unfinished restore has left looks empty. */
async function noteMarks(map: DiskMap, reader: ByteReader, options: MapOptions): Promise<DiskMap> {
  const notes = map.notes ?? [];
  const disk = await notesOfMark(reader, options);
  const partitions: PartitionMap[] = [];
  for (const partition of map.partitions) {
    const { startBytes, sizeBytes, number } = partition;
    const inside = number !== 0 && startBytes + sizeBytes <= reader.sizeBytes;
    const found = inside ? await notesOfMark(windowOf(reader, startBytes, sizeBytes), options) : [];
    partitions.push(found.length === 0 ? partition : { ...partition, notes: [...found, ...partition.notes] });
  }
  return { ...map, partitions, ...(disk.length === 0 ? {} : { notes: [...disk, ...notes] }) };
}

async function notesOfMark(reader: ByteReader, options: MapOptions): Promise<string[]> {
  const mark = await readMark(reader).catch((thrown: unknown) => {
    reasonToGoOn(thrown, options);
    return null;
  });
  if (mark === null) return [];
  return [`a restore of '${mark.imageName}' was left unfinished on it, so it does not boot: restore again, or undo`];
}

/** Gives each note of the map to `onWarning`, with its place. */
export function warnOfNotes(map: DiskMap, label: string, { onWarning }: RunOptions): void {
  for (const note of map.notes ?? []) onWarning?.(`${label}: ${note}`);
  for (const { number, notes } of map.partitions) {
    for (const note of notes) onWarning?.(`${label}${number === 0 ? '' : `, partition ${number}`}: ${note}`);
  }
}

/** The table that a member of an array seems to have is the array's, and may describe sectors that are elsewhere. */
const noTable = { kind: 'none' } as const;

/**
 * The map of a disk's bytes. Foreign metadata never makes it fail: what cannot be understood counts as used, with a note.
 * @throws DeployError invalid-input when the size is no multiple of 512; source-read, source-vanished from the reader
 */
export async function mapBytes(reader: ByteReader, options: MapOptions = {}): Promise<DiskMap> {
  if (reader.sizeBytes === 0 || reader.sizeBytes % 512 !== 0) {
    throw new DeployError(
      'invalid-input',
      `${reader.label} is no disk: its ${reader.sizeBytes} bytes are no multiple of 512`,
    );
  }
  const found = await readLayout(reader, options);
  if (found.kind === 'unusable') {
    const note = `its partition table (${found.type.toUpperCase()}) cannot be used: ${found.reason}: the whole disk is captured sector by sector`;
    return wholeDisk(reader, rawMap(note));
  }
  if (found.kind === 'none')
    return wholeDisk(reader, await readSystem(reader, options, siblingsOf([reader], listVolumes)));
  if (found.table.type === 'gpt') return await mapTable(reader, found.table, options);
  return await mapBesideFileSystem(reader, found.table, options);
}

async function readLayout(reader: ByteReader, options: MapOptions) {
  try {
    return (await findArray(reader)) === null ? await readTable(reader) : noTable;
  } catch (thrown) {
    return { kind: 'unusable', type: 'mbr or gpt', reason: reasonToGoOn(thrown, options) } as const;
  }
}

async function readSystem(reader: ByteReader, options: MapOptions, siblings?: Siblings): Promise<RawMap> {
  try {
    return await readFileSystem(reader, siblings);
  } catch (thrown) {
    const note = `its file system cannot be read: ${reasonToGoOn(thrown, options)}: captured sector by sector`;
    return { ...rawMap(note), used: [{ startBytes: 0, lengthBytes: reader.sizeBytes }] };
  }
}

/** A bad sector is no reason to give up a rescue; everything else, and every other map, fails. */
function reasonToGoOn(thrown: unknown, { rescue }: MapOptions): string {
  const { code, message } = toDeployError(thrown);
  if (rescue !== true || code !== 'source-read') throw thrown;
  return message;
}

/** An MBR where a file system's mark is seen too: a boot sector that only looks like a table, or a table with something stale behind it. */
async function mapBesideFileSystem(reader: ByteReader, table: PartitionTable, options: MapOptions): Promise<DiskMap> {
  const bare = await readSystem(reader, options);
  if (bare.fileSystem === null) return await mapTable(reader, table, options);
  const note = `a partition table (MBR) and a file system (${bare.fileSystem}) are both there: the whole disk is captured sector by sector`;
  return wholeDisk(reader, { ...bare, ...rawMap(note), fileSystem: bare.fileSystem });
}

function rawMap(note: string): RawMap {
  return { fileSystem: null, uuid: null, label: null, reader: 'raw', used: [], notes: [note] };
}

function wholeDisk(reader: ByteReader, found: RawMap): DiskMap {
  const all = { startBytes: 0, lengthBytes: reader.sizeBytes };
  const used = found.reader === 'raw' ? [all] : found.used;
  const partition: PartitionMap = {
    number: 0,
    startBytes: 0,
    sizeBytes: reader.sizeBytes,
    type: null,
    partitionUuid: null,
    partitionName: null,
    ...describe(found, used),
  };
  const { sizeBytes, sectorSizeBytes } = reader;
  const blank = found.reader === 'raw' ? [] : (found.blank ?? []);
  return { sizeBytes, sectorSizeBytes, table: 'none', diskId: null, partitions: [partition], used, blank, notes: [] };
}

function describe(found: RawMap, used: readonly Extent[]) {
  return {
    fileSystem: found.fileSystem,
    fileSystemUuid: found.uuid,
    fileSystemLabel: found.label,
    reader: found.reader,
    usedBytes: totalBytes(used),
    notes: found.notes,
    ...(found.volumes === undefined ? {} : { volumes: found.volumes }),
  };
}

async function mapTable(reader: ByteReader, table: PartitionTable, options: MapOptions): Promise<DiskMap> {
  const outside = await keepOutside(reader, table, {
    unpartitioned: options.unpartitioned,
    reasonToGoOn: (thrown) => reasonToGoOn(thrown, options),
  });
  const used: Extent[] = [...table.ownExtents, ...outside.kept];
  const blank: Extent[] = [];
  const windows = leavesOf(table).map(({ startBytes, sizeBytes }) => windowOf(reader, startBytes, sizeBytes));
  const siblings = siblingsOf(windows, listVolumes);
  const partitions: PartitionMap[] = [];
  let bytesDone = 0;
  for (const partition of table.partitions) {
    options.onProgress?.({ phase: 'map', bytesDone, bytesTotal: reader.sizeBytes, bytesTransferred: 0 });
    if (partition.container) {
      partitions.push(describeContainer(partition, outside.kept));
      continue;
    }
    const window = windowOf(reader, partition.startBytes, partition.sizeBytes);
    const found = await readSystem(window, options, siblings);
    for (const { startBytes, lengthBytes } of found.used)
      used.push({ startBytes: partition.startBytes + startBytes, lengthBytes });
    blank.push(...shift(found.blank ?? [], partition.startBytes));
    partitions.push({ ...identify(partition), ...describe(found, found.used) });
    bytesDone += partition.sizeBytes;
  }
  options.onProgress?.({
    phase: 'map',
    bytesDone: reader.sizeBytes,
    bytesTotal: reader.sizeBytes,
    bytesTransferred: 0,
  });
  const overlaps = describeOverlaps(leavesOf(table));
  return {
    sizeBytes: reader.sizeBytes,
    sectorSizeBytes: table.sectorSizeBytes,
    table: table.type,
    diskId: table.diskId,
    partitions,
    used: mergeExtents(used),
    // What means nothing to one of two partitions in the same place may be the other's.
    blank: overlaps.length > 0 ? [] : mergeExtents(blank),
    notes: [...table.notes, ...overlaps, ...outside.notes],
  };
}

function identify({ number, startBytes, sizeBytes, type, uuid, name }: Partition) {
  return { number, startBytes, sizeBytes, type, partitionUuid: uuid, partitionName: name };
}

/** An extended partition: used are its boot records and what is kept of the space between the logical partitions. */
function describeContainer(partition: Partition, outside: readonly Extent[]): PartitionMap {
  const { startBytes, sizeBytes } = partition;
  const usedBytes = totalBytes(intersect(outside, [{ startBytes, lengthBytes: sizeBytes }]));
  const unknown = { fileSystem: null, fileSystemUuid: null, fileSystemLabel: null };
  return {
    ...identify(partition),
    ...unknown,
    reader: 'raw',
    usedBytes,
    notes: ['extended partition: holds the logical ones'],
  };
}

function describeOverlaps(leaves: readonly Partition[]): string[] {
  const sorted = [...leaves].sort((a, b) => a.startBytes - b.startBytes);
  const notes: string[] = [];
  let widest = sorted[0];
  for (const next of sorted.slice(1)) {
    if (widest !== undefined && next.startBytes < widest.startBytes + widest.sizeBytes) {
      notes.push(`partitions ${widest.number} and ${next.number} overlap; what either uses is captured`);
    }
    if (widest === undefined || next.startBytes + next.sizeBytes > widest.startBytes + widest.sizeBytes) widest = next;
  }
  return notes;
}

/** The same reader, which refuses to read on once `signal` is raised. */
function stoppable(reader: ByteReader, signal: AbortSignal | undefined): ByteReader {
  if (signal === undefined) return reader;
  return {
    sizeBytes: reader.sizeBytes,
    sectorSizeBytes: reader.sectorSizeBytes,
    label: reader.label,
    read: (offsetBytes, lengthBytes) =>
      signal.aborted
        ? Promise.reject(new DeployError('cancelled', `mapping ${reader.label} was stopped`))
        : reader.read(offsetBytes, lengthBytes),
  };
}
