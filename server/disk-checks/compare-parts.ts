// What an array or a LUN is made of, compared: members and paths that went, came, or do not work any more.
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import { type Finding, shorten } from './describe.ts';
import { sortBy } from './sort-by.ts';

type Part = CheckedDisk['parts'][number];

/** What the kernel calls a way to a device that works (SCSI `state` and `access_state`, NVMe `state` and `ana_state`); null where it says nothing. */
const working = new Set([
  ...['running', 'live', 'optimized', 'non-optimized', 'active', 'ready', 'enabled', 'standby', 'ghost'],
  ...['active/optimized', 'active/non-optimized', 'lba-dependent'],
]);

export function compareParts(before: CheckedDisk, after: CheckedDisk): Finding[] {
  const isArray = after.kind === 'array';
  const keyOf = isArray ? memberKey : pathKey;
  const name = (part: Part) => (isArray ? `member ${describeMember(part)}` : `path ${part.place || part.devicePath}`);
  const [old, now] = [byKey(before.parts, keyOf), byKey(after.parts, keyOf)];
  const found: Finding[] = [];
  for (const [key, part] of old) {
    if (now.has(key)) continue;
    found.push({ kind: isArray ? 'member-gone' : 'path-lost', level: 'warning', text: `has lost its ${name(part)}` });
  }
  for (const [key, part] of now) {
    const earlier = old.get(key);
    if (earlier === undefined) {
      found.push({ kind: isArray ? 'member-new' : 'path-back', level: 'info', text: `has a new ${name(part)}` });
    } else if (works(earlier) !== works(part)) {
      const text = `has its ${name(part)} ${part.state ?? 'working'} now, before ${earlier.state ?? 'working'}`;
      if (works(part)) found.push({ kind: isArray ? 'member-new' : 'path-back', level: 'info', text });
      else found.push({ kind: isArray ? 'member-gone' : 'path-lost', level: 'warning', text });
    }
  }
  return shorten(found, isArray ? 'members' : 'paths');
}

function works({ state }: Part): boolean {
  return state === null || working.has(state);
}

/** A member is the same wherever it hangs; a path is where it goes. */
function memberKey({ model, serial, place, devicePath }: Part): string {
  return serial === null ? pathKey({ place, devicePath }) : JSON.stringify([model, serial]);
}

function pathKey({ place, devicePath }: Pick<Part, 'place' | 'devicePath'>): string {
  return place === '' ? devicePath : place;
}

function describeMember({ model, serial, place, devicePath }: Part): string {
  const facts = [model, serial === null ? place || devicePath : `serial ${serial}`].filter((fact) => fact !== null);
  return `(${facts.join(', ')})`;
}

/** Two members of one key, such as two partitions of one disk, are the first and the second of that key. */
function byKey(parts: readonly Part[], keyOf: (part: Part) => string): Map<string, Part> {
  const seen = new Map<string, number>();
  const sorted = sortBy(parts, (part) => JSON.stringify(part));
  return new Map(
    sorted.map((part) => {
      const key = keyOf(part);
      const nth = (seen.get(key) ?? 0) + 1;
      seen.set(key, nth);
      return [`${key} ${nth}`, part];
    }),
  );
}
