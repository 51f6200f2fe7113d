// Why a job does not run: what a person reads beside it, in one sentence.
import type { Database, JobRow } from '../database/schema.ts';
import { isOnline } from '../machines/read-machines.ts';
import { holdWords } from './lifecycle.ts';
import { findRefused, hasLimits, readLimits, readQueue } from './limits.ts';
import { isPutOff, mayRun } from './may-run.ts';

type WaitingRow = Pick<JobRow, 'id' | 'machineId' | 'machineName' | 'state' | 'held' | 'notBefore'>;

/** Of those of `rows` that wait or stand still, by id. */
export async function explainWaits(db: Database, rows: readonly WaitingRow[]): Promise<Map<string, string>> {
  const words = new Map(rows.flatMap(({ id, held }) => (held === null ? [] : [[id, holdWords[held]]])));
  const waiting = rows.filter(({ id, state }) => state === 'queued' && !words.has(id));
  if (waiting.length === 0) return words;
  const machineIds = [...new Set(waiting.map(({ machineId }) => machineId))];
  const machines = await db
    .selectFrom('machines')
    .select(['id', 'state', 'onlineUntil'])
    .where('id', 'in', machineIds)
    .execute();
  const machineOf = new Map(machines.map((machine) => [machine.id, machine]));
  const earlier = await firstJobs(db, machineIds);
  const limits = await readLimits(db);
  const refused = hasLimits(limits) ? findRefused(limits, await readQueue(db)) : new Map<string, string>();
  const nowMs = Date.now();
  for (const { id, machineId, machineName, notBefore } of waiting) {
    const machine = machineOf.get(machineId);
    const first = earlier.get(machineId);
    const limit = refused.get(id);
    words.set(id, limit ?? explain({ id, machineName, notBefore, machine, first, nowMs }));
  }
  return words;
}

type Facts = Pick<WaitingRow, 'id' | 'machineName' | 'notBefore'> & {
  readonly machine: { readonly state: string; readonly onlineUntil: string | null } | undefined;
  /** The job that the machine runs, or would run next. */
  readonly first: string | undefined;
  readonly nowMs: number;
};

function explain({ id, machineName, notBefore, machine, first, nowMs }: Facts): string {
  if (machine === undefined) return `the machine ${machineName} is not known any more`;
  if (machine.state !== 'approved') return `the machine ${machineName} is not approved`;
  if (isPutOff(notBefore, nowMs)) return `not before ${notBefore}`;
  if (first !== undefined && first !== id) return `job ${first} of ${machineName} comes first`;
  if (!isOnline(machine)) {
    return `${machineName} is not connected: boot it over the network`;
  }
  return `${machineName} takes it next`;
}

/** The running job of each machine, or the oldest that may be handed out. */
async function firstJobs(db: Database, machineIds: readonly string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'machineId'])
    .where('machineId', 'in', machineIds)
    .where(mayRun)
    .orderBy('state', 'desc')
    .orderBy('id')
    .execute();
  return new Map(rows.toReversed().map(({ id, machineId }) => [machineId, id]));
}
