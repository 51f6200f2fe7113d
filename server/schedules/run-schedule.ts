// A schedule's time has come: its jobs are asked for, together with the note that this time is dealt with, or not at all.
import { nameOfSchedule } from '../../protocol/askers.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import type { RunNote, ScheduleRun } from '../../protocol/schedule.ts';
import type { Context } from '../context.ts';
import type { Database, MachineRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { machinesOfGroup } from '../groups/members.ts';
import { findImageFaults } from '../jobs/check-images.ts';
import { appendJobLog } from '../jobs/job-log.ts';
import { prepareScenario } from '../jobs/prepare-scenario.ts';
import { insertJob, type JobRequest } from '../jobs/request-job.ts';
import { writeAudit } from '../people/audit-log.ts';
import { findScenario } from '../scenarios/scenarios.ts';
import { tellNotes } from './run-notes.ts';
import { type ScheduleRow, toFields } from './schedules.ts';
import { isInside } from './windows.ts';

export type ScheduleContext = Pick<Context, 'db' | 'store' | 'log'>;

const runsKept = 1000;

type Named = Pick<MachineRow, 'name'>;
type Prepared = { readonly requests: readonly JobRequest[]; readonly complaints: readonly RunNote[] };
type Run = {
  readonly dueMs: number;
  readonly nowMs: number;
  /** Who asked, and times that were too late to make up for. */
  readonly notes?: readonly RunNote[];
  /** Who asked, where it was a person and not the clock. */
  readonly by?: string;
  /** The schedule as it was read, and the time that comes after this one; null leaves it: it is run out of turn. */
  readonly nextMs: { readonly value: number | null } | null;
};

/** Null when another server was quicker, or the schedule was changed meanwhile. */
export async function runSchedule(context: ScheduleContext, row: ScheduleRow, run: Run): Promise<ScheduleRun | null> {
  const { db, log } = context;
  const { requests, complaints } = await prepareRequests(context, row);
  const done = await transact(db, async (transaction) => {
    if (!(await claim(transaction, row, run))) return null;
    const asked = await insertJobs(transaction, row, requests, run.nowMs);
    const notes = [...(run.notes ?? []), ...complaints, ...asked.complaints];
    const outcome = asked.jobIds.length > 0 ? 'started' : asked.complaints.length > 0 ? 'skipped' : 'failed';
    if (notes.length === 0 && outcome === 'failed') notes.push({ code: 'no-machines', values: {} });
    return writeRun(transaction, row, run, { outcome, ...tellNotes(notes), jobIds: asked.jobIds });
  });
  if (done === null) return null;
  for (const jobId of done.jobIds) {
    await appendJobLog(db, jobId, 'info', `asked for by the schedule ${row.name}, due ${done.dueAt}`);
  }
  const about = { schedule: row.name, due: done.dueAt, jobs: String(done.jobIds.length) };
  const who = run.by ?? nameOfSchedule(row.name);
  if (run.by === undefined)
    await writeAudit(db, { who, address: '', action: 'schedule run', about, outcome: done.outcome });
  log[done.outcome === 'failed' ? 'warn' : 'info']({ schedule: row.name, ...done }, 'schedule run');
  return done;
}

/** Times that nobody ran and that are too late now. */
export async function noteMissed(
  { db, log }: ScheduleContext,
  row: ScheduleRow,
  run: Run & { readonly notes: readonly RunNote[] },
): Promise<void> {
  const done = await transact(db, async (transaction) => {
    if (!(await claim(transaction, row, run))) return null;
    return writeRun(transaction, row, run, { outcome: 'missed', ...tellNotes(run.notes), jobIds: [] });
  });
  if (done !== null) log.warn({ schedule: row.name, ...done }, 'schedule missed');
}

/** The row as it was read still stands, and nobody has dealt with this time. */
async function claim(db: Database, row: ScheduleRow, { dueMs, nextMs }: Run): Promise<boolean> {
  const dueAt = new Date(dueMs).toISOString();
  const present = await db
    .selectFrom('scheduleRuns')
    .select('dueAt')
    .where('scheduleId', '=', row.id)
    .where('dueAt', '=', dueAt)
    .executeTakeFirst();
  if (nextMs === null) return present === undefined;
  const nextDueAt = nextMs.value === null ? null : new Date(nextMs.value).toISOString();
  const { numUpdatedRows } = await db
    .updateTable('schedules')
    .set({ nextDueAt })
    .where('id', '=', row.id)
    .where('enabled', '=', 1)
    .where('nextDueAt', '=', row.nextDueAt)
    .executeTakeFirst();
  return numUpdatedRows === 1n && present === undefined;
}

async function prepareRequests(context: ScheduleContext, row: ScheduleRow): Promise<Prepared> {
  const { db } = context;
  const fields = toFields(row);
  try {
    const scenario = await findScenario(db, row.scenarioId);
    const machines = await findMachines(db, fields);
    const prepared: JobRequest[] = [];
    const complaints: RunNote[] = [];
    for (const machine of machines) {
      try {
        const filled = prepareScenario(scenario, machine.name, fields.parameters);
        prepared.push({ scenario: filled, machine, requestedBy: row.savedBy });
      } catch (thrown) {
        complaints.push(refusalOf(thrown, machine));
      }
    }
    // All together: two machines must not capture an image of the same name.
    const faults = await findImageFaults(
      context,
      prepared.flatMap((request) => request.scenario.steps),
    );
    const requests = prepared.filter(({ machine, scenario: { steps } }) => {
      const fault = faults.splice(0, steps.length).find((found) => found !== null);
      if (fault !== undefined) complaints.push(refused(fault, machine));
      return fault === undefined;
    });
    const gone = (fields.machineIds?.length ?? machines.length) - machines.length;
    if (gone > 0) complaints.push({ code: 'machines-gone', values: { count: String(gone) } });
    return { requests, complaints };
  } catch (thrown) {
    return { requests: [], complaints: [refusalOf(thrown)] };
  }
}

/** What is the schedule's own fault is noted; a store or a database that does not answer is tried again with the next tick. */
function refusalOf(thrown: unknown, machine?: Named): RunNote {
  const { code, message } = toDeployError(thrown);
  if (!(thrown instanceof DeployError) || code === 'store-io' || code === 'database-unavailable') throw thrown;
  return refused({ code, message }, machine);
}

function refused({ code, message }: Pick<DeployError, 'code' | 'message'>, machine?: Named): RunNote {
  const about = machine === undefined ? {} : { machine: machine.name };
  return { code: 'refused', values: { ...about, error: code, message } };
}

async function findMachines(db: Database, { machineIds, groupId }: ReturnType<typeof toFields>): Promise<MachineRow[]> {
  if (groupId !== null) return machinesOfGroup(db, groupId);
  const found: MachineRow[] = [];
  for (const id of machineIds ?? []) {
    const row = await db.selectFrom('machines').selectAll().where('id', '=', id).executeTakeFirst();
    if (row !== undefined) found.push(row);
  }
  return found;
}

async function insertJobs(
  db: Database,
  row: ScheduleRow,
  requests: readonly JobRequest[],
  nowMs: number,
): Promise<{ jobIds: string[]; complaints: RunNote[] }> {
  const { windows, overlap, wake } = toFields(row);
  const held = isInside(windows, nowMs) ? null : ('window' as const);
  const busy = overlap === 'queue' ? new Set<string>() : await findBusy(db, row.id);
  const jobIds: string[] = [];
  const complaints: RunNote[] = [];
  for (const request of requests) {
    if (busy.has(request.machine.id)) {
      complaints.push({ code: 'busy', values: { machine: request.machine.name } });
      continue;
    }
    const id = await insertJob(db, { ...request, held, wake, schedule: { id: row.id, windows } });
    jobIds.push(id);
  }
  return { jobIds, complaints };
}

async function findBusy(db: Database, scheduleId: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('jobs')
    .select('machineId')
    .where('scheduleId', '=', scheduleId)
    .where('state', 'in', ['queued', 'running'])
    .execute();
  return new Set(rows.map(({ machineId }) => machineId));
}

type Result = Pick<ScheduleRun, 'outcome' | 'message' | 'notes' | 'jobIds'>;

async function writeRun(
  db: Database,
  { id }: ScheduleRow,
  { dueMs, nowMs }: Run,
  result: Result,
): Promise<ScheduleRun> {
  const done = { dueAt: new Date(dueMs).toISOString(), at: new Date(nowMs).toISOString(), ...result };
  await db
    .insertInto('scheduleRuns')
    .values({ scheduleId: id, ...done, notes: JSON.stringify(done.notes), jobIds: JSON.stringify(done.jobIds) })
    .execute();
  const oldest = await db
    .selectFrom('scheduleRuns')
    .select('dueAt')
    .where('scheduleId', '=', id)
    .orderBy('dueAt', 'desc')
    .offset(runsKept)
    .limit(1)
    .executeTakeFirst();
  if (oldest !== undefined) {
    await db.deleteFrom('scheduleRuns').where('scheduleId', '=', id).where('dueAt', '<=', oldest.dueAt).execute();
  }
  return done;
}
