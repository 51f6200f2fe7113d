// Schedules in the database: made and changed by people, shown with what they name.
import { DeployError } from '../../protocol/errors.ts';
import { resolveParameters } from '../../protocol/parameters.ts';
import type { Schedule, ScheduleBody, SchedulePatch, ScheduleRun } from '../../protocol/schedule.ts';
import type { Database, Tables } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { foldName } from '../fold-name.ts';
import { findGroup } from '../groups/groups.ts';
import { findMachine } from '../machines/read-machines.ts';
import { newId } from '../new-id.ts';
import { findScenario } from '../scenarios/scenarios.ts';
import { checkWhen, nextDue } from './due-times.ts';

export type ScheduleRow = Tables['schedules'];
type Fields = Omit<ScheduleBody, 'machines' | 'group' | 'scenario'> & {
  readonly scenarioId: string;
  readonly machineIds: readonly string[] | null;
  readonly groupId: string | null;
};

const runsShown = 100;

/** @throws DeployError schedule-exists; scenario-not-found, machine-not-found, group-not-found; invalid-input for a pattern or a parameter */
export async function createSchedule(
  db: Database,
  body: ScheduleBody,
  savedBy: string,
  nowMs: number,
): Promise<Schedule> {
  return transact(db, async (transaction) => {
    const { scenario, machines, group, ...rest } = body;
    const target = await findTarget(transaction, machines, group);
    const fields = { ...rest, ...target, scenarioId: await findScenarioId(transaction, scenario, rest.parameters) };
    checkWhen(body.when, nowMs);
    const row = { id: newId(), ...toColumns(fields, nowMs), savedBy, createdAt: new Date(nowMs).toISOString() };
    await requireFreeName(transaction, row);
    await transaction
      .insertInto('schedules')
      .values({ ...row, prunedAt: null })
      .execute();
    return readSchedule(transaction, row.id);
  });
}

/** What is not named stays; what is still to come is reckoned anew. @throws DeployError schedule-not-found, and as createSchedule */
export async function changeSchedule(
  db: Database,
  idOrName: string,
  patch: SchedulePatch,
  savedBy: string,
  nowMs: number,
): Promise<Schedule> {
  return transact(db, async (transaction) => {
    const row = await findSchedule(transaction, idOrName);
    const { scenario, machines, group, ...rest } = patch;
    const before = toFields(row);
    const moved = machines === undefined && group === undefined ? {} : await findTarget(transaction, machines, group);
    const after: Fields = { ...before, ...rest, ...moved };
    const wanted = scenario ?? (rest.parameters === undefined ? undefined : before.scenarioId);
    const found =
      wanted === undefined ? {} : { scenarioId: await findScenarioId(transaction, wanted, after.parameters) };
    if (rest.when !== undefined) checkWhen(rest.when, nowMs);
    const columns = toColumns({ ...after, ...found }, nowMs);
    await requireFreeName(transaction, { id: row.id, ...columns });
    await transaction
      .updateTable('schedules')
      .set({ ...columns, savedBy })
      .where('id', '=', row.id)
      .execute();
    return readSchedule(transaction, row.id);
  });
}

/** Its jobs stay. @throws DeployError schedule-not-found */
export async function deleteSchedule(db: Database, idOrName: string): Promise<void> {
  const { id } = await findSchedule(db, idOrName);
  await db.deleteFrom('schedules').where('id', '=', id).execute();
}

/** In order of name. */
export async function listSchedules(db: Database): Promise<Schedule[]> {
  return showSchedules(db, await db.selectFrom('schedules').selectAll().orderBy('foldedName').execute());
}

/** By id or by name. @throws DeployError schedule-not-found */
export async function findSchedule(db: Database, idOrName: string): Promise<ScheduleRow> {
  const rows = await db
    .selectFrom('schedules')
    .selectAll()
    .where((where) => where.or([where('id', '=', idOrName), where('foldedName', '=', foldName(idOrName))]))
    .execute();
  const found = rows.find((row) => row.id === idOrName) ?? rows[0];
  if (found === undefined) throw new DeployError('schedule-not-found', `no schedule '${idOrName}'`);
  return found;
}

export async function readSchedule(db: Database, idOrName: string): Promise<Schedule> {
  const [shown] = await showSchedules(db, [await findSchedule(db, idOrName)]);
  return shown as Schedule;
}

/** Newest first. */
export async function listRuns(db: Database, scheduleId: string): Promise<ScheduleRun[]> {
  const rows = await db
    .selectFrom('scheduleRuns')
    .select(['dueAt', 'at', 'outcome', 'message', 'notes', 'jobIds'])
    .where('scheduleId', '=', scheduleId)
    .orderBy('dueAt', 'desc')
    .limit(runsShown)
    .execute();
  return rows.map(({ notes, jobIds, ...run }) => ({ ...run, notes: JSON.parse(notes), jobIds: JSON.parse(jobIds) }));
}

export function toFields(row: ScheduleRow): Fields {
  return {
    name: row.name,
    enabled: row.enabled === 1,
    scenarioId: row.scenarioId,
    machineIds: row.machineIds === null ? null : JSON.parse(row.machineIds),
    groupId: row.groupId,
    parameters: JSON.parse(row.parameters),
    when: JSON.parse(row.when),
    windows: JSON.parse(row.windows),
    lateMinutes: row.lateMinutes,
    overlap: row.overlap,
    keep: row.keep === null ? null : JSON.parse(row.keep),
    wake: row.wake === 1,
  };
}

function toColumns({ enabled, machineIds, parameters, when, windows, keep, wake, ...same }: Fields, nowMs: number) {
  const next = enabled ? nextDue(when, nowMs) : null;
  return {
    ...same,
    foldedName: foldName(same.name),
    enabled: enabled ? 1 : 0,
    machineIds: machineIds === null ? null : JSON.stringify(machineIds),
    parameters: JSON.stringify(parameters),
    when: JSON.stringify(when),
    windows: JSON.stringify(windows),
    keep: keep === null ? null : JSON.stringify(keep),
    wake: wake ? 1 : 0,
    nextDueAt: next === null ? null : new Date(next).toISOString(),
  };
}

async function findTarget(
  db: Database,
  machines: readonly string[] | undefined,
  group: string | undefined,
): Promise<Pick<Fields, 'machineIds' | 'groupId'>> {
  if (machines === undefined) return { machineIds: null, groupId: (await findGroup(db, group ?? '')).id };
  const ids = new Set<string>();
  for (const machine of machines) ids.add((await findMachine(db, machine)).id);
  return { machineIds: [...ids], groupId: null };
}

async function findScenarioId(db: Database, idOrName: string, given: Record<string, string>): Promise<string> {
  const { id, parameters } = await findScenario(db, idOrName);
  resolveParameters(parameters, given);
  return id;
}

async function requireFreeName(
  db: Database,
  { id, name, foldedName }: { id: string; name: string; foldedName: string },
): Promise<void> {
  const twin = await db
    .selectFrom('schedules')
    .select('name')
    .where('foldedName', '=', foldedName)
    .where('id', '!=', id)
    .executeTakeFirst();
  if (twin !== undefined)
    throw new DeployError('schedule-exists', `there is a schedule '${twin.name}' already, not '${name}'`);
}

async function showSchedules(db: Database, rows: readonly ScheduleRow[]): Promise<Schedule[]> {
  const all = rows.map((row) => ({ row, fields: toFields(row) }));
  const machineIds = all.flatMap(({ fields }) => fields.machineIds ?? []);
  const nameOf = async (table: 'machines' | 'machineGroups' | 'scenarios', ids: readonly string[]) => {
    const names = new Map<string, string>();
    for (let at = 0; at < ids.length; at += 500) {
      const some = await db
        .selectFrom(table)
        .select(['id', 'name'])
        .where('id', 'in', ids.slice(at, at + 500))
        .execute();
      for (const { id, name } of some) names.set(id, name);
    }
    return names;
  };
  const machines = await nameOf('machines', [...new Set(machineIds)]);
  const groups = await nameOf(
    'machineGroups',
    all.flatMap(({ fields }) => fields.groupId ?? []),
  );
  const scenarios = await nameOf(
    'scenarios',
    all.map(({ fields }) => fields.scenarioId),
  );
  return all.map(({ row, fields: { machineIds: ids, groupId, ...fields } }) => ({
    ...fields,
    id: row.id,
    scenarioName: scenarios.get(fields.scenarioId) ?? null,
    machines: ids?.map((id) => ({ id, name: machines.get(id) ?? null })) ?? null,
    group: groupId === null ? null : { id: groupId, name: groups.get(groupId) ?? null },
    savedBy: row.savedBy,
    createdAt: row.createdAt,
    nextDueAt: row.nextDueAt,
  }));
}
