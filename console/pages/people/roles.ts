// The roles, least first; each may what those before it may (protocol/people.ts, whose schemas the console does not carry).
import type { GrantRole, Role } from '../../../protocol/people.ts';

export type { GrantRole, Role };
export const roles: readonly Role[] = ['none', 'viewer', 'operator', 'administrator'];
export const grantRoles: readonly GrantRole[] = ['viewer', 'operator'];
