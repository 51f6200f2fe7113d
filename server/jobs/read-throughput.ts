// How fast a job went, as it is kept (agents/throughput-keeper.ts).
import type { JobThroughput } from '../../protocol/rest.ts';
import type { Database } from '../database/schema.ts';
import { noSeries } from './throughput-series.ts';

/** Without a figure for a job that has not begun, or is older than this. */
export async function readThroughput(db: Database, jobId: string): Promise<JobThroughput> {
  const row = await db.selectFrom('jobThroughput').select('series').where('jobId', '=', jobId).executeTakeFirst();
  return row === undefined ? { ...noSeries, points: [] } : JSON.parse(row.series);
}
