// What is not as it was: two looks at the disks of one machine, compared as a pure function. docs/operations/disk-checks.md says what counts.
import { type CheckedDisk, type Difference, differenceKindSchema } from '../../protocol/disk-check.ts';
import { compareHealth } from './compare-health.ts';
import { comparePartitions } from './compare-partitions.ts';
import { compareParts } from './compare-parts.ts';
import { describeDisk, describeSizes, type Finding, printable } from './describe.ts';
import { listSharedIds, type Pair, pairDisks } from './pair-disks.ts';
import { sortBy } from './sort-by.ts';

const maxDifferences = 1000;

/** Worst first. Whether a disk was read, and what it says of its health, is compared where both sides know it. */
export function compareDisks(before: readonly CheckedDisk[], after: readonly CheckedDisk[]): Difference[] {
  const { pairs, gone, new: added } = pairDisks(before, after);
  const shared = new Set(listSharedIds(before));
  const newlyShared = new Set(listSharedIds(after).filter((id) => !shared.has(id)));
  const all = [
    ...gone.map((disk) => tell(disk, { kind: 'gone', level: 'warning', text: 'is gone' })),
    ...added.flatMap((disk) => findInNew(disk).map((finding) => tell(disk, finding))),
    ...pairs.flatMap((pair) => findInPair(pair).map((finding) => tell(pair.after, finding))),
    ...after.filter(({ id }) => newlyShared.has(id)).map((disk) => tell(disk, sharesItsId)),
  ];
  return sortBy(all, rankOf).slice(0, maxDifferences);
}

const sharesItsId: Finding = {
  kind: 'id-shared',
  level: 'warning',
  text: 'has the same id as another disk: neither can be named by it',
};

function tell(disk: CheckedDisk, { kind, level, text }: Finding): Difference {
  const message = `${describeDisk(disk)} ${printable(text)}`.slice(0, 4096);
  return { kind, level, diskId: disk.id, diskNumber: disk.number, message };
}

function rankOf({ kind, diskNumber, diskId, message }: Difference): string {
  const rank = [differenceKindSchema.options.indexOf(kind), diskNumber].map((number) =>
    String(number).padStart(16, '0'),
  );
  return JSON.stringify([...rank, diskId, message]);
}

function findInNew(disk: CheckedDisk): Finding[] {
  return [{ kind: 'new', level: 'info', text: 'is new' }, ...findUnreadable(null, disk), ...compareHealth(null, disk)];
}

function findInPair({ before, after }: Pair): Finding[] {
  const other = findReplaced(before, after);
  if (other.length > 0) return [...other, ...findUnreadable(null, after), ...compareHealth(null, after)];
  return [
    ...findIdentity(before, after),
    ...findFigures(before, after),
    ...findLocks(before, after),
    ...findArray(before, after),
    ...compareParts(before, after),
    ...comparePartitions(before, after),
    ...findUnreadable(before, after),
    ...compareHealth(before, after),
  ];
}

/** An id that is only a place goes to whatever hangs there. */
function findReplaced(before: CheckedDisk, after: CheckedDisk): Finding[] {
  if (after.idKind !== 'path' || before.id !== after.id) return [];
  const name = ({ model, serial }: CheckedDisk) =>
    `${model ?? 'no model'}, ${serial ? `serial ${serial}` : 'no serial'}`;
  if (name(before) === name(after) && before.wwn === after.wwn) return [];
  return [{ kind: 'replaced', level: 'warning', text: `hangs where another one was (${name(before)})` }];
}

function findIdentity(before: CheckedDisk, after: CheckedDisk): Finding[] {
  const found: Finding[] = [];
  if (after.idNote !== null && before.idNote === null) {
    const text = `has no name of its own any more: ${after.idNote}`;
    found.push({
      kind: 'id-shared',
      level: 'warning',
      text: before.id === after.id ? text : `${text}; it was ${before.id}`,
    });
  } else if (before.id !== after.id) {
    found.push({ kind: 'id-changed', level: 'warning', text: `had the id ${before.id} before` });
  }
  if (before.number !== after.number) {
    found.push({ kind: 'number', level: 'warning', text: `was disk ${before.number} before` });
  }
  return found;
}

function findFigures(before: CheckedDisk, after: CheckedDisk): Finding[] {
  const found: Finding[] = [];
  if (before.sizeBytes !== after.sizeBytes) {
    const text = `has another size: ${describeSizes(after.sizeBytes, before.sizeBytes)}`;
    found.push({ kind: 'size', level: 'warning', text });
  }
  if (before.sectorSizeBytes !== after.sectorSizeBytes) {
    const text = `has sectors of ${after.sectorSizeBytes} bytes, before ${before.sectorSizeBytes}`;
    found.push({ kind: 'size', level: 'warning', text });
  }
  if (before.readOnly !== after.readOnly) {
    const [level, text] = after.readOnly
      ? (['warning', 'is write-protected now'] as const)
      : (['info', 'is not write-protected any more'] as const);
    found.push({ kind: 'read-only', level, text });
  }
  return found;
}

/** What the disk's own firmware keeps from everybody; compared where both sides know it: a registration does not ask for OPAL's. */
function findLocks(before: CheckedDisk, after: CheckedDisk): Finding[] {
  const found: Finding[] = [];
  const [hidden, hiddenBefore] = [after.hiddenBytes, before.hiddenBytes];
  if (hidden !== null && hiddenBefore !== null && hidden !== hiddenBefore) {
    const text = `has ${hidden} bytes in a hidden area (host-protected), before ${hiddenBefore}`;
    found.push({ kind: 'hidden', level: 'warning', text });
  }
  for (const [name, of] of [
    ['ATA password', 'ata'],
    ['OPAL lock', 'opal'],
  ] as const) {
    const [now, was] = [after.locks[of], before.locks[of]];
    if (now === null || was === null || now === was) continue;
    const text = `has another state of its ${name}: ${lockWords[now]}, before ${lockWords[was]}`;
    found.push({ kind: 'lock', level: 'warning', text });
  }
  return found;
}

const lockWords = { none: 'it has none', off: 'not set', open: 'set, and open', locked: 'locked' } as const;

/** How far a rebuild has come is no difference. */
function findArray(before: CheckedDisk, after: CheckedDisk): Finding[] {
  const say = ({ array }: CheckedDisk) => {
    if (array === null) return 'no array';
    const missing = array.missing === 0 ? '' : `, ${array.missing} of ${array.members} members missing`;
    const dirty = array.dirty ? ', not stopped when it was last in use' : '';
    return `${array.level}, ${array.health}${missing}${dirty}`;
  };
  if (say(before) === say(after)) return [];
  const well = after.array === null || (after.array.health === 'whole' && !after.array.dirty);
  const level = well ? 'info' : 'warning';
  return [{ kind: 'array', level, text: `is ${say(after)}; before: ${say(before)}` }];
}

function findUnreadable(before: CheckedDisk | null, { readError }: CheckedDisk): Finding[] {
  if (readError === null || (before !== null && before.readError !== null)) return [];
  return [{ kind: 'unreadable', level: 'warning', text: `cannot be read: ${readError}` }];
}
