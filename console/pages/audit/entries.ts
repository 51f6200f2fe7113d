// Entries of the audit log as they are read and searched.
import type { AuditEntry } from '../../../protocol/people.ts';

/** `machine web-01, scenario back-up` */
export function describeAbout({ about }: Pick<AuditEntry, 'about'>): string {
  return Object.entries(about)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** Every word of the search stands somewhere in the entry. */
export function fits(entry: AuditEntry, search: string): boolean {
  const all = [entry.who, entry.action, entry.address, entry.outcome, describeAbout(entry)].join(' ').toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
