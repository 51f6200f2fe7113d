// The roles, least first; each may what those before it may (protocol/people.ts, whose schemas the console does not carry).
import type { Role } from '../../../protocol/people.ts';

export type { Role };
export const roles: readonly Role[] = ['viewer', 'operator', 'administrator'];
