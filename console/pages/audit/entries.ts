// Entries of the audit log as they are read and searched.
import type { AuditEntry } from '../../../protocol/people.ts';
import type { actionTexts } from './action-texts.ts';

type Actions = (typeof actionTexts)['ja'];

/** `machine web-01, scenario back-up` */
export function describeAbout({ about }: Pick<AuditEntry, 'about'>): string {
  return Object.entries(about)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/** One of a newer server is shown as it is written. */
export function describeAction({ action }: Pick<AuditEntry, 'action'>, actions: Actions): string {
  return Object.hasOwn(actions, action) ? actions[action as keyof Actions] : action;
}

/** Every word of the search stands somewhere in the entry. */
export function fits(entry: AuditEntry, search: string, actions: Actions): boolean {
  const all = [
    entry.who,
    entry.action,
    describeAction(entry, actions),
    entry.address,
    entry.outcome,
    describeAbout(entry),
  ]
    .join(' ')
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
