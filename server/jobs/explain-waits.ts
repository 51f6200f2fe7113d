// Why a job does not run: a code with values, and what a person reads beside it, in one sentence.
import type { Wait } from '../../protocol/waits.ts';
import type { Database, JobRow } from '../database/schema.ts';
import { isOnline } from '../machines/read-machines.ts';
import { holdWords } from './lifecycle.ts';
import { findRefused, hasLimits, readLimits, readQueue } from './limits.ts';
import { isPutOff, mayRun } from './may-run.ts';

type WaitingRow = Pick<JobRow, 'id' | 'machineId' | 'machineName' | 'state' | 'held' | 'notBefore'>;

/** Of those of `rows` that wait or stand still, by id. */
export async function explainWaits(db: Database, rows: readonly WaitingRow[]): Promise<Map<string, Wait>> {
  const waits = new Map<string, Wait>(
    rows.flatMap(({ id, held }) => (held === null ? [] : [[id, { code: held, values: {} }] as const])),
  );
  const waiting = rows.filter(({ id, state }) => state === 'queued' && !waits.has(id));
  if (waiting.length === 0) return waits;
  const machineIds = [...new Set(waiting.map(({ machineId }) => machineId))];
  const machines = await db
    .selectFrom('machines')
    .select(['id', 'state', 'onlineUntil'])
    .where('id', 'in', machineIds)
    .execute();
  const machineOf = new Map(machines.map((machine) => [machine.id, machine]));
  const earlier = await firstJobs(db, machineIds);
  const limits = await readLimits(db);
  const refused = hasLimits(limits) ? findRefused(limits, await readQueue(db)) : new Map<string, Wait>();
  const nowMs = Date.now();
  for (const { id, machineId, machineName, notBefore } of waiting) {
    const machine = machineOf.get(machineId);
    const first = earlier.get(machineId);
    const limit = refused.get(id);
    waits.set(id, limit ?? explain({ id, machineName, notBefore, machine, first, nowMs }));
  }
  return waits;
}

type Facts = Pick<WaitingRow, 'id' | 'machineName' | 'notBefore'> & {
  readonly machine: { readonly state: string; readonly onlineUntil: string | null } | undefined;
  /** The job that the machine runs, or would run next. */
  readonly first: string | undefined;
  readonly nowMs: number;
};

function explain({ id, machineName, notBefore, machine, first, nowMs }: Facts): Wait {
  const values = { machine: machineName };
  if (machine === undefined) return { code: 'machine-gone', values };
  if (machine.state !== 'approved') return { code: 'machine-not-approved', values };
  if (notBefore !== null && isPutOff(notBefore, nowMs)) return { code: 'not-before', values: { at: notBefore } };
  if (first !== undefined && first !== id) return { code: 'job-first', values: { ...values, job: first } };
  return isOnline(machine) ? { code: 'next', values } : { code: 'machine-away', values };
}

const sentences: Record<Wait['code'], (values: Wait['values']) => string> = {
  paused: () => holdWords.paused,
  'second-person': () => holdWords['second-person'],
  window: () => holdWords.window,
  'machine-gone': ({ machine }) => `the machine ${machine} is not known any more`,
  'machine-not-approved': ({ machine }) => `the machine ${machine} is not approved`,
  'not-before': ({ at }) => `not before ${at}`,
  'job-first': ({ job, machine }) => `job ${job} of ${machine} comes first`,
  'machine-away': ({ machine }) => `${machine} is not connected: boot it over the network`,
  next: ({ machine }) => `${machine} takes it next`,
  'limit-store': ({ most }) => `the limit of the store: ${atOnce(most)}`,
  'limit-server': ({ most }) => `the limit of its server: ${atOnce(most)}`,
  'limit-network': ({ network, most }) => `the limit of the network ${network}: ${atOnce(most)}`,
};

export function describeWait({ code, values }: Wait): string {
  return sentences[code](values);
}

function atOnce(count: string | undefined): string {
  return count === '1' ? 'one job at once' : `${count} jobs at once`;
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
