// The history of a machine's disks: what a check or a registration said of them is kept, with how it differs from before.
import type { CheckedDisk, Difference, DiskCheckSummary } from '../../protocol/disk-check.ts';
import type { Database, DiskCheckRow } from '../database/schema.ts';
import { newId } from '../new-id.ts';
import { compareDisks } from './compare-disks.ts';

/** The newest entries of a machine that are kept. */
const maxEntries = 200;

type Entry = Pick<DiskCheckSummary, 'kind' | 'jobId'> & { readonly step: number | null };

/** What a step `check` found. Said again, because the answer was lost, it is kept once. Call in a transaction. */
export async function recordCheck(
  db: Database,
  machineId: string,
  found: { readonly jobId: string; readonly step: number; readonly disks: readonly CheckedDisk[] },
): Promise<readonly Difference[]> {
  const { jobId, step, disks } = found;
  const known = await db
    .selectFrom('diskChecks')
    .select('id')
    .where('jobId', '=', jobId)
    .where('step', '=', step)
    .executeTakeFirst();
  if (known !== undefined) return [];
  const before = await findBaseline(db, machineId);
  const differences = before === undefined ? [] : compareDisks(JSON.parse(before.disks), disks);
  await insert(db, machineId, { kind: 'check', jobId, step }, { before, disks, differences });
  return differences;
}

/** What a registration says, if that differs from the newest entry, or is the first. */
export async function recordRegistration(
  db: Database,
  machineId: string,
  inventory: readonly Omit<CheckedDisk, 'map' | 'readError' | 'health'>[],
): Promise<void> {
  const disks = inventory.map((disk) => ({ ...disk, map: null, readError: null, health: null }));
  await db.transaction().execute(async (transaction) => {
    const newest = await findNewest(transaction, machineId);
    if (newest !== undefined && compareDisks(JSON.parse(newest.disks), disks).length === 0) return;
    const before = await findBaseline(transaction, machineId);
    const differences = before === undefined ? [] : compareDisks(JSON.parse(before.disks), disks);
    await insert(
      transaction,
      machineId,
      { kind: 'registration', jobId: null, step: null },
      { before, disks, differences },
    );
  });
}

/** The newest check; of a machine that was never checked, its newest registration. */
async function findBaseline(db: Database, machineId: string): Promise<DiskCheckRow | undefined> {
  return (await findNewest(db, machineId, 'check')) ?? (await findNewest(db, machineId));
}

function findNewest(db: Database, machineId: string, kind?: DiskCheckRow['kind']): Promise<DiskCheckRow | undefined> {
  let query = db.selectFrom('diskChecks').selectAll().where('machineId', '=', machineId).orderBy('id', 'desc').limit(1);
  if (kind !== undefined) query = query.where('kind', '=', kind);
  return query.executeTakeFirst();
}

type Content = {
  readonly before: DiskCheckRow | undefined;
  readonly disks: readonly CheckedDisk[];
  readonly differences: readonly Difference[];
};

async function insert(db: Database, machineId: string, entry: Entry, { before, disks, differences }: Content) {
  const row: DiskCheckRow = {
    ...entry,
    id: newId(),
    machineId,
    at: new Date().toISOString(),
    diskCount: disks.length,
    disks: JSON.stringify(disks),
    before: before === undefined ? null : JSON.stringify({ id: before.id, at: before.at, kind: before.kind }),
    differences: JSON.stringify(differences),
  };
  await db.insertInto('diskChecks').values(row).execute();
  const oldest = await db
    .selectFrom('diskChecks')
    .select('id')
    .where('machineId', '=', machineId)
    .orderBy('id', 'desc')
    .offset(maxEntries)
    .limit(1)
    .executeTakeFirst();
  if (oldest === undefined) return;
  await db.deleteFrom('diskChecks').where('machineId', '=', machineId).where('id', '<=', oldest.id).execute();
}
