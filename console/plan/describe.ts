// What a plan says in words: which disk it is, what is on it now, and whether a machine can be run.
import type { CheckedDisk } from '../../protocol/disk-check.ts';
import type { MachinePlan, Plan } from '../../protocol/plan.ts';
import { formatBytes } from '../format/numbers.ts';

/** One line a partition or file system that is there: `1: vfat 'EFI' 512 MiB`. Empty when nothing is known or nothing is there. */
export function listContents(disk: CheckedDisk, language: string): string[] {
  if (disk.map !== null) {
    return disk.map.partitions.map(({ number, fileSystem, label, name, sizeBytes, usedBytes, reader }) => {
      const what = [fileSystem ?? '?', quoted(label ?? name), formatBytes(sizeBytes, language)];
      const used = reader === 'raw' ? '' : ` (${formatBytes(usedBytes, language)})`;
      return `${number === 0 ? '' : `${number}: `}${what.filter(Boolean).join(' ')}${used}`;
    });
  }
  const whole = disk.contents === null ? [] : [[disk.contents.type, quoted(disk.contents.label)].join(' ').trim()];
  return [
    ...whole,
    ...disk.partitions.map(({ number, contents, sizeBytes }) =>
      [`${number}:`, contents?.type ?? '?', quoted(contents?.label ?? null), formatBytes(sizeBytes, language)]
        .filter(Boolean)
        .join(' '),
    ),
  ];
}

function quoted(label: string | null): string {
  return label ? `'${label}'` : '';
}

/** Machines whose disks would be overwritten, in the plan's order. */
export function listOverwritten(plan: Plan): MachinePlan[] {
  return plan.machines.filter(({ overwrites }) => overwrites);
}

/** Refused, or to be overwritten without that anybody has seen what is on it. */
export function canRun({ refused, overwrites, check }: MachinePlan): boolean {
  return !refused && (!overwrites || check !== null);
}

/** Whoever overwrites several machines types the name of the last in the list; upper and lower case are the same. */
export function nameToType(plan: Plan): string | null {
  const overwritten = listOverwritten(plan);
  return overwritten.length < 2 ? null : (overwritten.at(-1)?.machineName ?? null);
}

export function isTyped(typed: string, name: string): boolean {
  const folded = (text: string): string => text.trim().normalize('NFC').toLowerCase();
  return folded(typed) === folded(name);
}
