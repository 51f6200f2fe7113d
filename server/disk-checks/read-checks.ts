// Disk checks as the API shows them.
import type { z } from 'zod';
import type { DiskCheck, DiskCheckSummary, diskCheckPageSchema } from '../../protocol/disk-check.ts';
import { DeployError } from '../../protocol/errors.ts';
import type { Database, DiskCheckRow, MachineRow } from '../database/schema.ts';

const summaryColumns = ['id', 'at', 'kind', 'jobId', 'diskCount', 'before', 'differences'] as const;

/** The newest. @throws DeployError check-not-found */
export async function readLatestCheck(db: Database, machine: MachineRow): Promise<DiskCheck> {
  const row = await db
    .selectFrom('diskChecks')
    .selectAll()
    .where('machineId', '=', machine.id)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (row !== undefined) return toCheck(row);
  throw new DeployError('check-not-found', `nothing is known of the disks of ${machine.name} yet`, {
    hint: 'Boot the machine over the network, or run a scenario with the step check on it.',
  });
}

/** @throws DeployError check-not-found */
export async function readCheck(db: Database, machine: MachineRow, id: string): Promise<DiskCheck> {
  const row = await db
    .selectFrom('diskChecks')
    .selectAll()
    .where('machineId', '=', machine.id)
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) throw new DeployError('check-not-found', `${machine.name} has no disk check ${id}`);
  return toCheck(row);
}

/** Newest first, at most `limit` of those that are older than `before`. */
export async function listChecks(
  db: Database,
  machine: MachineRow,
  { limit, before }: { readonly limit: number; readonly before?: string | undefined },
): Promise<z.infer<typeof diskCheckPageSchema>> {
  let query = db
    .selectFrom('diskChecks')
    .select(summaryColumns)
    .where('machineId', '=', machine.id)
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (before !== undefined) query = query.where('id', '<', before);
  const checks = (await query.execute()).map(toSummary);
  const page = checks.slice(0, limit);
  return { checks: page, next: checks.length > limit ? (page.at(-1)?.id ?? null) : null };
}

function toCheck(row: DiskCheckRow): DiskCheck {
  return { ...toSummary(row), disks: JSON.parse(row.disks) };
}

function toSummary(row: Pick<DiskCheckRow, (typeof summaryColumns)[number]>): DiskCheckSummary {
  return {
    id: row.id,
    at: row.at,
    kind: row.kind,
    jobId: row.jobId,
    diskCount: row.diskCount,
    before: row.before === null ? null : JSON.parse(row.before),
    differences: JSON.parse(row.differences),
  };
}
