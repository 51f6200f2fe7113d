// Who asked for something where it was no user: what the records and the audit log write in the place of a name. No user has such a name.

const names = {
  /** Whoever holds the operator token. */
  'operator token': 'operator-token',
  /** By a rule, an enrolment or `--approve all`. */
  'automatic approval': 'automatic-approval',
  /** The checks of images that the settings ask for. */
  settings: 'settings',
  /** Somebody who could not log in. */
  'unknown user': 'unknown-user',
} as const;
const schedulePrefix = 'schedule ';

export type AskerKind = (typeof names)[keyof typeof names] | 'schedule';
export type AskerName = keyof typeof names;

/** In the audit log, for a login of nobody who is known. */
export const unknownUser: AskerName = 'unknown user';

export function nameOfSchedule(name: string): string {
  return `${schedulePrefix}${name}`;
}

/** Null for a user. `schedule` is a schedule's name, and null for what is none. */
export function readAsker(who: string): { readonly kind: AskerKind; readonly schedule: string | null } | null {
  if (who.startsWith(schedulePrefix)) return { kind: 'schedule', schedule: who.slice(schedulePrefix.length) };
  return Object.hasOwn(names, who) ? { kind: names[who as AskerName], schedule: null } : null;
}
