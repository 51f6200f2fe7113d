// What a watcher who has a role on some machines only may hear of (people/machine-access.ts).
import type { Caller } from '../callers.ts';
import type { Database } from '../database/schema.ts';
import { machinesIn } from '../groups/members.ts';
import { groupsSeenBy } from '../people/machine-access.ts';

/** Ids; of jobs those that have not ended. */
export type Visible = { readonly machines: ReadonlySet<string>; readonly jobs: ReadonlySet<string> };

/** Null for who sees all. */
export async function readVisible(db: Database, caller: Caller): Promise<Visible | null> {
  const groups = groupsSeenBy(caller);
  if (groups === null) return null;
  const machines = await machinesIn(db, groups).execute();
  const jobs = await db
    .selectFrom('jobs')
    .select('id')
    .where('state', 'in', ['queued', 'running'])
    .where('machineId', 'in', machinesIn(db, groups))
    .execute();
  return { machines: new Set(machines.map(({ machineId }) => machineId)), jobs: new Set(jobs.map(({ id }) => id)) };
}

export function isSame(a: Visible | null, b: Visible | null): boolean {
  if (a === null || b === null) return a === b;
  return a.machines.size === b.machines.size && [...a.machines].every((id) => b.machines.has(id));
}
