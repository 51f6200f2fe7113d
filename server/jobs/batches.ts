// Batches: jobs that were asked for together, how they stand together, and what is done to all of them.

import type { z } from 'zod';
import type { Batch, BatchRequest, batchWithJobsSchema } from '../../protocol/batches.ts';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { jobStateSchema } from '../../protocol/rest.ts';
import type { Context } from '../context.ts';
import type { Database, MachineRow, Tables } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { findGroup } from '../groups/groups.ts';
import { machinesOfGroup } from '../groups/members.ts';
import { findMachine } from '../machines/read-machines.ts';
import { newId } from '../new-id.ts';
import { findScenario } from '../scenarios/scenarios.ts';
import { findByKey, keyOf, prepareJobs } from './ask-for-jobs.ts';
import { changeJob } from './change-job.ts';
import { appendJobLog } from './job-log.ts';
import type { JobEvent } from './lifecycle.ts';
import { showJobs } from './read-jobs.ts';
import { insertJob } from './request-job.ts';

/** All jobs or none; with a key that was used before, the batch of then. `isNew` tells which. @throws DeployError as prepareJobs; scenario-not-found, machine-not-found, group-not-found */
export async function createBatch(
  context: Context,
  request: BatchRequest,
  requestedBy: string | null,
): Promise<{ id: string; isNew: boolean }> {
  const { db } = context;
  const once = keyOf(request);
  const present = await findByKey(db, 'batches', once);
  if (present !== undefined) return { id: present, isNew: false };
  const scenario = await findScenario(db, request.scenario);
  const machines = await machinesOfBatch(db, request);
  const jobs = await prepareJobs(context, { ...request, scenario, requestedBy }, machines);
  const row = {
    ...{ id: newId(), key: once?.key ?? null, requestDigest: once?.digest ?? '', requestedBy },
    ...{ scenarioId: scenario.id, scenarioName: scenario.name, createdAt: new Date().toISOString() },
  };
  const isNew = await transact(db, async (transaction) => {
    const { numInsertedOrUpdatedRows } = await transaction
      .insertInto('batches')
      .values(row)
      .onConflict((conflict) => conflict.column('key').doNothing())
      .executeTakeFirstOrThrow();
    if (numInsertedOrUpdatedRows !== 1n) return false;
    for (const job of jobs) await insertJob(transaction, { ...job, batchId: row.id });
    return true;
  });
  // Somebody asked for the same at the same time.
  return isNew ? { id: row.id, isNew } : { id: (await findByKey(db, 'batches', once)) ?? row.id, isNew };
}

/** Each once, in the order of their naming; those of the group after them. @throws DeployError machine-not-found, group-not-found, invalid-input */
export async function machinesOfBatch(
  db: Database,
  { machines = [], group }: Pick<BatchRequest, 'machines' | 'group'>,
): Promise<MachineRow[]> {
  const named: MachineRow[] = [];
  for (const name of machines) named.push(await findMachine(db, name));
  const members = group === undefined ? [] : await machinesOfGroup(db, (await findGroup(db, group)).id);
  const all = [...new Map([...named, ...members].map((machine) => [machine.id, machine])).values()];
  if (all.length === 0) throw new DeployError('invalid-input', `the group '${group}' has no machines`);
  return all;
}

type BatchRow = Tables['batches'];

/** Newest first. */
export async function listBatches(
  db: Database,
  { limit, before }: { readonly limit: number; readonly before?: string | undefined },
): Promise<{ batches: Batch[]; next: string | null }> {
  let query = db
    .selectFrom('batches')
    .selectAll()
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (before !== undefined) query = query.where('id', '<', before);
  const rows = await query.execute();
  const batches = await withCounts(db, rows.slice(0, limit));
  return { batches, next: rows.length > limit ? (batches.at(-1)?.id ?? null) : null };
}

/** @throws DeployError batch-not-found */
export async function readBatch(db: Database, id: string): Promise<z.infer<typeof batchWithJobsSchema>> {
  const row = await db.selectFrom('batches').selectAll().where('id', '=', id).executeTakeFirst();
  if (row === undefined) throw new DeployError('batch-not-found', `no batch ${id}`);
  const [batch] = await withCounts(db, [row]);
  const jobs = await db.selectFrom('jobs').selectAll().where('batchId', '=', id).orderBy('id').execute();
  const shown = await showJobs(
    db,
    jobs.map((job) => ({ ...job, results: '[]' })),
  );
  return { ...(batch as Batch), jobs: shown };
}

async function withCounts(db: Database, rows: readonly BatchRow[]): Promise<Batch[]> {
  if (rows.length === 0) return [];
  const counted = await db
    .selectFrom('jobs')
    .select(['batchId', 'state', ({ fn }) => fn.countAll().as('jobs'), ({ fn }) => fn.count('held').as('held')])
    .where(
      'batchId',
      'in',
      rows.map(({ id }) => id),
    )
    .groupBy(['batchId', 'state'])
    .execute();
  return rows.map(({ id, scenarioId, scenarioName, requestedBy, createdAt }) => {
    const own = counted.filter(({ batchId }) => batchId === id);
    const numbers = jobStateSchema.options.map((state) => [
      state,
      Number(own.find((count) => count.state === state)?.jobs ?? 0),
    ]);
    const held = own.reduce((sum, count) => sum + Number(count.held), 0);
    const counts = { ...Object.fromEntries(numbers), held } as Batch['counts'];
    return { id, scenarioId, scenarioName, requestedBy, createdAt, counts };
  });
}

/** Does to every job of the batch what it does to one; jobs that do not take it (ended, held by something else) stay as they are. */
export async function changeBatch(db: Database, batchId: string, event: JobEvent, said: string): Promise<void> {
  const jobs = await db
    .selectFrom('jobs')
    .select('id')
    .where('batchId', '=', batchId)
    .where('state', 'in', ['queued', 'running'])
    .execute();
  for (const { id } of jobs) {
    try {
      await changeJob(db, id, event);
      await appendJobLog(db, id, 'info', said);
    } catch (thrown) {
      if (toDeployError(thrown).code !== 'job-state') throw thrown;
    }
  }
}
