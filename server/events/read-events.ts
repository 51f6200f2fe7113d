// What the watchers are told, as the database has it now.
import type { Event } from '../../protocol/events.ts';
import type { Database } from '../database/schema.ts';
import { toImageCheck } from '../image-checks/image-checks.ts';
import { showJobs } from '../jobs/read-jobs.ts';
import { showMachines } from '../machines/list-machines.ts';

type LogEntries = Extract<Event, { type: 'log' }>['entries'];

/** Bounds of a database on how many values one question may have. */
const idsAtOnce = 500;
/** The newest lines of a log that somebody begins to watch. */
const maxTail = 500;

/** Those that are not there any more are gone. */
export async function readMachineEvents(db: Database, ids: readonly string[]): Promise<Event[]> {
  const rows = await inParts(ids, (part) => db.selectFrom('machines').selectAll().where('id', 'in', part).execute());
  const events = new Map<string, Event>(ids.map((id) => [id, { type: 'machineGone', id }]));
  const bare = rows.map((row) => ({ ...row, inventory: null }));
  for (const { inventory: _, ...machine } of await showMachines(db, bare)) {
    events.set(machine.id, { type: 'machine', ...machine });
  }
  return [...events.values()];
}

export async function readJobEvents(db: Database, ids: readonly string[]): Promise<Event[]> {
  const rows = await inParts(ids, (part) => db.selectFrom('jobs').selectAll().where('id', 'in', part).execute());
  const events = new Map<string, Event>(ids.map((id) => [id, { type: 'jobGone', id }]));
  const bare = rows.map((row) => ({ ...row, results: '[]', progress: null }));
  for (const { results: _, progress: __, ...job } of await showJobs(db, bare)) {
    events.set(job.id, { type: 'job', ...job });
  }
  return [...events.values()];
}

export async function readImageCheckEvents(db: Database, ids: readonly string[]): Promise<Event[]> {
  const rows = await inParts(ids, (part) => db.selectFrom('imageChecks').selectAll().where('id', 'in', part).execute());
  const events = new Map<string, Event>(ids.map((id) => [id, { type: 'imageCheckGone', id }]));
  for (const row of rows) {
    const { found: _, ...check } = toImageCheck(row);
    events.set(row.id, { type: 'imageCheck', ...check });
  }
  return [...events.values()];
}

/** Of machines whose server has not said for too long that they are connected: nothing is written when that happens. */
export async function listLapsedMachines(db: Database, afterTime: string, untilTime: string): Promise<string[]> {
  const rows = await db
    .selectFrom('machines')
    .select('id')
    .where('onlineUntil', '>', afterTime)
    .where('onlineUntil', '<=', untilTime)
    .execute();
  return rows.map(({ id }) => id);
}

/** By job, as the text that it is stored as. */
export async function readRunningProgress(db: Database): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'progress'])
    .where('state', '=', 'running')
    .where('progress', 'is not', null)
    .execute();
  return new Map(rows.map(({ id, progress }) => [id, progress ?? '']));
}

/** Oldest first. */
export async function readLogAfter(db: Database, jobId: string, number: number): Promise<LogEntries> {
  const rows = await db
    .selectFrom('jobLog')
    .select(['number', 'at', 'level', 'message'])
    .where('jobId', '=', jobId)
    .where('number', '>', number)
    .orderBy('number', 'desc')
    .limit(maxTail)
    .execute();
  return rows.reverse() as LogEntries;
}

async function inParts<T>(ids: readonly string[], read: (part: string[]) => Promise<T[]>): Promise<T[]> {
  const found: T[] = [];
  for (let from = 0; from < ids.length; from += idsAtOnce)
    found.push(...(await read(ids.slice(from, from + idsAtOnce))));
  return found;
}
