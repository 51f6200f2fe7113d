// Where an image's partitions go on a disk of another size: the arithmetic before a restore, for growing and for shrinking. Nothing is read or written.
import { DeployError } from '../../protocol/errors.ts';
import type { Partition, PartitionTable } from '../partition/partition.ts';
import type { Place } from '../partition/table-change.ts';
import { maxMbrSectors } from '../partition/write-mbr.ts';

/** How partitions are aligned everywhere. */
const alignmentBytes = 2 ** 20;

/** The table of an image, and what fits between its ends. */
export type OldLayout = {
  readonly table: PartitionTable;
  readonly sizeBytes: number;
  /** Steps by which a partition can be moved: the image's chunk size. */
  readonly stepBytes: number;
};

export type NewDisk = {
  readonly sizeBytes: number;
  readonly sectorSizeBytes: number;
  /** What the backup of a GPT takes at the disk's end; 0 for an MBR. */
  readonly backupBytes: number;
};

/** One partition has another size, and everything that lies behind it is moved; or nothing changes but the disk's size. */
export type Layout = {
  readonly places: ReadonlyMap<number, Place>;
  readonly resized: { readonly number: number; readonly oldSizeBytes: number; readonly place: Place } | null;
  /** What of the image from here to `movedEndBytes` lies `movedByBytes` further on the disk; what is before stays. */
  readonly movedFromBytes: number;
  readonly movedEndBytes: number;
  readonly movedByBytes: number;
};

/** Every partition where it was. */
export function keepLayout({ table }: OldLayout): Layout {
  const end = endOf(table.partitions);
  return { places: new Map(), resized: null, movedFromBytes: end, movedEndBytes: end, movedByBytes: 0 };
}

/** The least disk that takes every partition of `layout` whole. */
export function requiredBytes({ table }: OldLayout, layout: Layout, disk: NewDisk): number {
  const ends = table.partitions.map((part) => endsAt(layout.places.get(part.number) ?? part));
  const needed = Math.max(0, ...ends) + disk.backupBytes;
  return Math.ceil(needed / disk.sectorSizeBytes) * disk.sectorSizeBytes;
}

/**
 * Partition `number` (or the last one) takes the free space behind it; what lies between it and the free space moves to the disk's end.
 * `resized` is null where there is nothing to gain.
 * @throws invalid-input when there is no such partition or it is an extended one
 */
export function growLayout(old: OldLayout, disk: NewDisk, number: number | 'last'): Layout {
  const chosen = choose(old.table, number);
  const usableEnd = usableEndOf(old, disk);
  const free = Math.max(0, usableEnd - endOf(old.table.partitions));
  const { behind, nextStart } = findBehind(old.table, chosen);
  const moved = behind ? Math.floor(free / old.stepBytes) * old.stepBytes : 0;
  const limit = behind ? nextStart + moved : Math.max(endsAt(chosen), usableEnd);
  const end = Math.max(endsAt(chosen) + moved, alignDown(limit));
  return resize(old.table, chosen, end - chosen.startBytes, moved);
}

/**
 * Partition `number` becomes `newSizeBytes` long, and what lies behind it moves up by as much as whole steps allow.
 * `requiredBytes` then says which disk it fits.
 * @throws invalid-input as growLayout, and when the partition would not become smaller
 */
export function shrinkLayout(old: OldLayout, number: number, newSizeBytes: number): Layout {
  const chosen = choose(old.table, number);
  const gain = chosen.sizeBytes - newSizeBytes;
  if (gain <= 0 || newSizeBytes <= 0) {
    throw new DeployError(
      'invalid-input',
      `partition ${number} has ${chosen.sizeBytes} bytes and cannot shrink to ${newSizeBytes}`,
    );
  }
  const { behind } = findBehind(old.table, chosen);
  const moved = behind && gain >= old.stepBytes ? -Math.floor(gain / old.stepBytes) * old.stepBytes : 0;
  return resize(old.table, chosen, newSizeBytes, moved);
}

function choose({ partitions }: PartitionTable, number: number | 'last'): Partition {
  const leaves = partitions.filter(({ container }) => !container);
  const chosen =
    number === 'last'
      ? leaves.reduce<Partition | undefined>((a, b) => (a === undefined || endsAt(b) > endsAt(a) ? b : a), undefined)
      : partitions.find((part) => part.number === number);
  if (chosen === undefined) {
    const known = leaves.map((part) => part.number).join(', ');
    throw new DeployError('invalid-input', `the image has no partition ${number}; it has ${known || 'none'}`);
  }
  if (chosen.container) {
    throw new DeployError('invalid-input', `partition ${number} is an extended one: name a logical partition in it`);
  }
  const end = endsAt(chosen);
  const crossing = partitions.find((part) => part !== chosen && part.startBytes < end && endsAt(part) > end);
  if (crossing === undefined || (crossing.container && contains(crossing, chosen))) return chosen;
  throw new DeployError('invalid-input', `partitions ${chosen.number} and ${crossing.number} overlap`);
}

function usableEndOf({ table }: OldLayout, disk: NewDisk): number {
  const end = disk.sizeBytes - disk.backupBytes;
  return table.type === 'gpt' ? end : Math.min(end, maxMbrSectors * disk.sectorSizeBytes);
}

/** Whether anything lies behind a partition, and where the first of it starts: a partition, a boot record, or the end of its container. */
function findBehind(table: PartitionTable, chosen: Partition): { behind: boolean; nextStart: number } {
  const end = endsAt(chosen);
  const partitions = table.partitions.filter((part) => part.startBytes >= end);
  const containers = table.partitions.filter((part) => part.container && contains(part, chosen));
  const records = table.type === 'mbr' ? table.ownExtents.filter(({ startBytes }) => startBytes >= end) : [];
  if (partitions.length === 0) return { behind: false, nextStart: Number.POSITIVE_INFINITY };
  const starts = [...partitions, ...records].map(({ startBytes }) => startBytes);
  return { behind: true, nextStart: Math.min(...starts, ...containers.map(endsAt)) };
}

function resize(table: PartitionTable, chosen: Partition, sizeBytes: number, moved: number): Layout {
  const oldEnd = endsAt(chosen);
  const end = chosen.startBytes + sizeBytes;
  const places = new Map<number, Place>();
  for (const part of table.partitions) {
    if (part.startBytes >= oldEnd) {
      places.set(part.number, { startBytes: part.startBytes + moved, sizeBytes: part.sizeBytes });
    } else if (part.container && contains(part, chosen)) {
      const inside = table.partitions.filter((other) => other !== chosen && !other.container && contains(part, other));
      const newEnd = Math.max(end, ...inside.map((other) => endsAt(other) + (other.startBytes >= oldEnd ? moved : 0)));
      const kept = sizeBytes > chosen.sizeBytes ? endsAt(part) + moved : 0;
      places.set(part.number, { startBytes: part.startBytes, sizeBytes: Math.max(newEnd, kept) - part.startBytes });
    }
  }
  const place = { startBytes: chosen.startBytes, sizeBytes };
  places.set(chosen.number, place);
  return {
    places,
    resized: sizeBytes === chosen.sizeBytes ? null : { number: chosen.number, oldSizeBytes: chosen.sizeBytes, place },
    movedFromBytes: Math.max(oldEnd, end - moved),
    movedEndBytes: endOf(table.partitions),
    movedByBytes: moved,
  };
}

function contains(outer: Place, inner: Place): boolean {
  return inner.startBytes >= outer.startBytes && endsAt(inner) <= endsAt(outer);
}

function endsAt({ startBytes, sizeBytes }: Place): number {
  return startBytes + sizeBytes;
}

function endOf(partitions: readonly Place[]): number {
  return Math.max(0, ...partitions.map(endsAt));
}

function alignDown(bytes: number): number {
  return bytes - (bytes % alignmentBytes);
}
