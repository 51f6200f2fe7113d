// What a job's agent and the server said about it, kept with the job and bounded.
import type { z } from 'zod';
import type { logEntrySchema } from '../../protocol/rest.ts';
import type { Database } from '../database/schema.ts';
import { transact } from '../database/transact.ts';

type LogEntry = z.infer<typeof logEntrySchema>;

/** The newest entries of a job that are kept. */
const maxEntries = 5000;

export async function appendJobLog(
  db: Database,
  jobId: string,
  level: LogEntry['level'],
  message: string,
): Promise<void> {
  await transact(db, async (transaction) => {
    const { last } = await transaction
      .selectFrom('jobLog')
      .where('jobId', '=', jobId)
      .select(({ fn }) => fn.max('number').as('last'))
      .executeTakeFirstOrThrow();
    const number = (last ?? 0) + 1;
    const at = new Date().toISOString();
    await transaction
      .insertInto('jobLog')
      .values({ jobId, number, at, level, message: printable(message) })
      .execute();
    await transaction
      .deleteFrom('jobLog')
      .where('jobId', '=', jobId)
      .where('number', '<=', number - maxEntries)
      .execute();
  });
}

/** Oldest first. */
export async function readJobLog(db: Database, jobId: string): Promise<LogEntry[]> {
  const rows = await db
    .selectFrom('jobLog')
    .select(['at', 'level', 'message'])
    .where('jobId', '=', jobId)
    .orderBy('number')
    .execute();
  return rows as LogEntry[];
}

/** PostgreSQL's text holds no NUL. */
function printable(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}
