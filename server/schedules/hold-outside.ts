// Jobs that may begin within certain hours only: held outside of them, let go when they come. One that has begun is left alone, also when its machine boots anew.
import type { Database, JobRow } from '../database/schema.ts';
import { isInside } from './windows.ts';

/** Of a job that waits. */
export function isOutside({ windows, handOuts }: JobRow, nowMs: number): boolean {
  return windows !== null && handOuts === 0 && !isInside(JSON.parse(windows), nowMs);
}

export async function holdOutside(db: Database, nowMs: number): Promise<void> {
  const rows = await db
    .selectFrom('jobs')
    .select(['id', 'held', 'windows'])
    .where('state', '=', 'queued')
    .where('windows', 'is not', null)
    .where('handOuts', '=', 0)
    .where((where) => where.or([where('held', 'is', null), where('held', '=', 'window')]))
    .execute();
  for (const { id, held, windows } of rows) {
    const wanted = isInside(JSON.parse(windows ?? '[]'), nowMs) ? null : 'window';
    if (wanted === held) continue;
    // As a job's other changes: whoever has read the row before must read it again.
    await db
      .updateTable('jobs')
      .set(({ eb }) => ({ held: wanted, revision: eb('revision', '+', 1) }))
      .where('id', '=', id)
      .where('state', '=', 'queued')
      .where('handOuts', '=', 0)
      .where((where) => (held === null ? where('held', 'is', null) : where('held', '=', held)))
      .execute();
  }
}
