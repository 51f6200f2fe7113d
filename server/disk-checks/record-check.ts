// The history of a machine's disks: what a check or a registration said of them is kept, with how it differs from before.
import type { CheckedDisk, Difference } from '../../protocol/disk-check.ts';
import type { InventoryDisk } from '../../protocol/inventory.ts';
import type { Database, DiskCheckRow, MachineRow } from '../database/schema.ts';
import { transact } from '../database/transact.ts';
import { newId } from '../new-id.ts';
import { compareDisks } from './compare-disks.ts';

/** Of a machine, the newest entries are kept: so many, and of machines with hundreds of LUNs as many as fit. */
const maxEntries = 200;
const maxBytes = 64 * 1024 * 1024;
/** Of one that nobody has approved, and that may say what it likes. */
const maxPendingEntries = 1;

type Entry = Pick<DiskCheckRow, 'kind' | 'jobId' | 'step'> & { readonly disks: readonly CheckedDisk[] };

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
  const differences = await insert(db, machineId, { kind: 'check', jobId, step, disks });
  await deleteOld(db, machineId, maxEntries);
  return differences;
}

/** What a registration says, if that differs from the newest entry, or is the first. */
export async function recordRegistration(
  db: Database,
  { id, state }: MachineRow,
  inventory: readonly InventoryDisk[],
): Promise<void> {
  const disks = inventory.map((disk) => ({
    ...disk,
    map: null,
    tablesDigest: null,
    readError: null,
    health: null,
    erase: null,
  }));
  await transact(db, async (transaction) => {
    const newest = await findNewest(transaction, id);
    if (newest !== undefined && compareDisks(JSON.parse(newest.disks), disks).length === 0) return;
    await insert(transaction, id, { kind: 'registration', jobId: null, step: null, disks });
    await deleteOld(transaction, id, state === 'approved' ? maxEntries : maxPendingEntries);
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

async function insert(db: Database, machineId: string, { disks, ...entry }: Entry): Promise<readonly Difference[]> {
  const before = await findBaseline(db, machineId);
  const differences = before === undefined ? [] : compareDisks(JSON.parse(before.disks), disks);
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
  return differences;
}

async function deleteOld(db: Database, machineId: string, keep: number): Promise<void> {
  const entries = await db
    .selectFrom('diskChecks')
    .select(['id', ({ fn }) => fn<number>('length', ['disks']).as('size')])
    .where('machineId', '=', machineId)
    .orderBy('id', 'desc')
    .execute();
  const kept = countKept(
    entries.map(({ size }) => size),
    keep,
  );
  const oldest = entries[kept];
  if (oldest === undefined) return;
  await db.deleteFrom('diskChecks').where('machineId', '=', machineId).where('id', '<=', oldest.id).execute();
}

/** How many entries stay, of these sizes, newest first: the newest whatever its size. */
export function countKept(sizesBytes: readonly number[], keep: number): number {
  let left = maxBytes;
  const first = sizesBytes.findIndex((size, i) => {
    left -= size;
    return i >= keep || (i > 0 && left < 0);
  });
  return first < 0 ? sizesBytes.length : first;
}
