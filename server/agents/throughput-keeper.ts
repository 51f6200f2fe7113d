// The throughput of the jobs that run on this server's agents: in memory as it comes, in the database now and then and at a job's end.
import type { Database } from '../database/schema.ts';
import { readThroughput } from '../jobs/read-throughput.ts';
import { addPoint, joinSeries, noSeries, type Series } from '../jobs/throughput-series.ts';

type Kept = { series: Series; savedMs: number; heardMs: number; joined: boolean };

const saveEveryMs = 15_000;
/** Nothing more is heard of it here: it ended without its agent, or goes on at another server. */
const forgetAfterMs = 10 * 60_000;

export class ThroughputKeeper {
  readonly #kept = new Map<string, Kept>();

  take(jobId: string, bytesPerSecond: number): void {
    const nowMs = performance.now();
    const kept = this.#kept.get(jobId) ?? { series: noSeries, savedMs: nowMs, heardMs: nowMs, joined: false };
    kept.series = addPoint(kept.series, { atMs: Date.now(), bytesPerSecond: Math.round(bytesPerSecond) });
    kept.heardMs = nowMs;
    this.#kept.set(jobId, kept);
  }

  /** Those whose time has come; or one at its end, which is then forgotten; or, when the server ends, all. */
  async save(db: Database, of: { readonly ended?: string | undefined; readonly all?: boolean } = {}): Promise<void> {
    const nowMs = performance.now();
    for (const [jobId, kept] of this.#kept) {
      const isDue =
        of.all === true || (of.ended === undefined ? nowMs - kept.savedMs >= saveEveryMs : jobId === of.ended);
      if (!isDue) continue;
      kept.savedMs = nowMs;
      await saveSeries(db, jobId, kept);
      if (jobId === of.ended || nowMs - kept.heardMs > forgetAfterMs) this.#kept.delete(jobId);
    }
  }
}

async function saveSeries(db: Database, jobId: string, kept: Kept): Promise<void> {
  // Its agent may have come from another server, or this one has been restarted.
  if (!kept.joined) kept.series = joinSeries(await readThroughput(db, jobId), kept.series);
  kept.joined = true;
  const series = JSON.stringify(kept.series);
  await db
    .insertInto('jobThroughput')
    .columns(['jobId', 'series'])
    // The agent says what its job is: one that is not there (any more) has no series.
    .expression((from) =>
      from
        .selectFrom('jobs')
        .select((value) => ['id', value.val(series).as('series')])
        .where('id', '=', jobId),
    )
    .onConflict((conflict) => conflict.column('jobId').doUpdateSet({ series }))
    .execute();
}
