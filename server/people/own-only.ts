import type { Caller } from '../callers.ts';

/** The user whose tokens somebody sees and revokes; null: everybody's, for administrators. */
export function ownOnly(caller: Caller): string | null {
  if (caller.kind !== 'person') return '';
  return caller.role === 'administrator' ? null : caller.userId;
}
