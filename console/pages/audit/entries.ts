// Entries of the audit log as they are read and searched.
import type { AuditEntry } from '../../../protocol/people.ts';
import { sayWho } from '../../words/translate.ts';
import { aboutTexts } from './about-texts.ts';
import { actionTexts } from './action-texts.ts';

type Language = keyof typeof aboutTexts;

/** `machine: web-01, scenario: back-up` */
export function describeAbout({ about }: Pick<AuditEntry, 'about'>, language: Language): string {
  return Object.entries(about)
    .map(([name, value]) => `${wordFor(name, aboutTexts[language])}: ${value}`)
    .join(', ');
}

export function describeAction({ action }: Pick<AuditEntry, 'action'>, language: Language): string {
  return wordFor(action, actionTexts[language]);
}

/** One of a newer server is shown as it is written. */
function wordFor(name: string, words: Readonly<Record<string, string>>): string {
  return Object.hasOwn(words, name) ? (words[name] ?? name) : name;
}

/** Every word of the search stands somewhere in the entry. */
export function fits(entry: AuditEntry, search: string, language: Language): boolean {
  const all = [
    entry.who,
    sayWho(entry.who, language),
    entry.action,
    describeAction(entry, language),
    entry.address,
    entry.outcome,
    describeAbout(entry, language),
  ]
    .join(' ')
    .toLowerCase();
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}
