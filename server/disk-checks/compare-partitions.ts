// The partitions of one disk, compared: by what was read if both times the disk was read, else by what the kernel and udev said.
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import { formatBytes } from '../../protocol/format-bytes.ts';
import { describeSizes, type Finding, shorten } from './describe.ts';

/** Number 0 is a disk without a table. */
type Part = {
  readonly number: number;
  /** Null where it is not known. */
  readonly startBytes: number | null;
  readonly sizeBytes: number;
  readonly type: string | null;
  readonly label: string | null;
  readonly uuid: string | null;
};

export function comparePartitions(before: CheckedDisk, after: CheckedDisk): Finding[] {
  const read = before.map !== null && after.map !== null;
  const [old, now] = [before, after].map((disk) => byNumber(read ? listMapped(disk) : listKernel(disk)));
  const found: Finding[] = [];
  for (const [number, part] of old ?? []) {
    if (!now?.has(number)) {
      found.push({ kind: 'partition-gone', level: 'warning', text: `has lost ${nameOf(number)} (${describe(part)})` });
    }
  }
  for (const [number, part] of now ?? []) {
    const earlier = old?.get(number);
    if (earlier === undefined) {
      found.push({
        kind: 'partition-new',
        level: 'warning',
        text: `has ${nameOf(number)} (${describe(part)}), which is new`,
      });
      continue;
    }
    const changes = listChanges(earlier, part);
    if (changes.length > 0) {
      const text = `has changed in ${nameOf(number)}: ${changes.join('; ')}`;
      found.push({ kind: 'partition-changed', level: 'warning', text });
    }
  }
  return shorten(found, 'partitions');
}

function listMapped({ map }: CheckedDisk): Part[] {
  return (map?.partitions ?? []).map(({ number, startBytes, sizeBytes, fileSystem, label, uuid }) => {
    return { number, startBytes, sizeBytes, type: fileSystem, label, uuid };
  });
}

function listKernel({ partitions, contents, sizeBytes }: CheckedDisk): Part[] {
  const unknown = { type: null, label: null, uuid: null };
  const whole = contents === null ? [] : [{ number: 0, startBytes: null, sizeBytes, ...contents }];
  const parts = partitions.map((part) => {
    return { number: part.number, startBytes: null, sizeBytes: part.sizeBytes, ...unknown, ...part.contents };
  });
  return [...whole, ...parts];
}

/** A disk with nothing on it that anyone knows has no partition 0 either. */
function byNumber(parts: readonly Part[]): Map<number, Part> {
  return new Map(parts.filter(({ number, type }) => number !== 0 || type !== null).map((part) => [part.number, part]));
}

function listChanges(before: Part, after: Part): string[] {
  const changes: string[] = [];
  // The size of a disk without a table is the disk's own.
  if (before.number !== 0 && before.sizeBytes !== after.sizeBytes) {
    changes.push(describeSizes(after.sizeBytes, before.sizeBytes));
  }
  if (before.startBytes !== after.startBytes)
    changes.push(`starts at byte ${after.startBytes}, before ${before.startBytes}`);
  if (before.type !== after.type)
    changes.push(`${after.type ?? 'nothing known'}, before ${before.type ?? 'nothing known'}`);
  else if (before.uuid !== after.uuid) changes.push(`another file system (${after.uuid}, before ${before.uuid})`);
  else if (before.label !== after.label)
    changes.push(`label ${after.label ?? 'none'}, before ${before.label ?? 'none'}`);
  return changes;
}

function nameOf(number: number): string {
  return number === 0 ? 'the file system on the whole of it' : `partition ${number}`;
}

function describe({ type, label, sizeBytes }: Part): string {
  return [type ?? 'nothing known', label, formatBytes(sizeBytes)].filter((fact) => fact !== null).join(', ');
}
