// What a person may with a machine: by the role that they have everywhere, or by one on a group that it is in.
import type { FastifyRequest } from 'fastify';
import { DeployError } from '../../protocol/errors.ts';
import type { Role } from '../../protocol/people.ts';
import type { Caller } from '../callers.ts';
import type { Database } from '../database/schema.ts';
import { findMachine } from '../machines/read-machines.ts';
import { pathParameter, type Route } from '../route.ts';
import { mayAtLeast } from './person-tokens.ts';

type Named = { readonly id: string; readonly name: string };

/** The groups whose machines are all that somebody sees; null: they see every machine. */
export function groupsSeenBy(caller: Caller): readonly string[] | null {
  if (caller.kind !== 'person') return [];
  return mayAtLeast(caller.role, 'viewer') ? null : caller.grants.map(({ groupId }) => groupId);
}

/** For routes about one machine, job or batch, before they do anything (`Route.on`). @throws as requireOnMachine; job-not-found, batch-not-found */
export async function requireOnPath(
  db: Database,
  route: Route,
  request: FastifyRequest,
  caller: Caller,
): Promise<void> {
  if (caller.kind !== 'person' || route.on === undefined || route.on === 'caller') return;
  const wanted = route.access as Role;
  if (mayAtLeast(caller.role, wanted)) return;
  const id = pathParameter(request, 'id');
  if (route.on === 'machine') return requireOnMachine(db, caller, await findMachine(db, id), wanted, id);
  const jobs = await db
    .selectFrom('jobs')
    .select(['machineId as id', 'machineName as name'])
    .where(route.on === 'job' ? 'id' : 'batchId', '=', id)
    .execute();
  const unknown = new DeployError(`${route.on}-not-found`, `no ${route.on} ${id}`);
  if (jobs.length === 0) throw unknown;
  for (const machine of jobs) await requireRole(db, caller, machine, { wanted, unknown });
}

/**
 * `asked` is what the person has called the machine: of one that they do not see they learn no more than that.
 * @throws DeployError machine-not-found where the person does not even see it; forbidden where they may less with it
 */
export async function requireOnMachine(
  db: Database,
  caller: Caller,
  machine: Named,
  wanted: Role,
  asked: string,
): Promise<void> {
  const unknown = new DeployError('machine-not-found', `no machine '${asked}'`);
  await requireRole(db, caller, machine, { wanted, unknown });
}

/** The same for several, which the person has called `asked`, or has named the group of. */
export async function requireOnMachines(
  db: Database,
  caller: Caller,
  machines: readonly Named[],
  { wanted, asked = [] }: { readonly wanted: Role; readonly asked?: readonly string[] | undefined },
): Promise<void> {
  for (const machine of machines) {
    const called = asked.find((name) => name === machine.id || name === machine.name) ?? machine.id;
    await requireOnMachine(db, caller, machine, wanted, called);
  }
}

async function requireRole(
  db: Database,
  caller: Caller,
  machine: Named,
  { wanted, unknown }: { readonly wanted: Role; readonly unknown: DeployError },
): Promise<void> {
  if (caller.kind !== 'person') return;
  if (mayAtLeast(caller.role, wanted)) return;
  const rows = await db.selectFrom('groupMembers').select('groupId').where('machineId', '=', machine.id).execute();
  const groups = new Set(rows.map(({ groupId }) => groupId));
  const granted = caller.grants.filter(({ groupId }) => groups.has(groupId)).map(({ role }) => role);
  if (granted.some((role) => mayAtLeast(role, wanted))) return;
  if (granted.length === 0 && caller.role === 'none') throw unknown;
  throw new DeployError('forbidden', `with ${machine.name} ${caller.name} may look; this takes the role ${wanted}`);
}
