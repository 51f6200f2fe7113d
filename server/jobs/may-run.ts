// Which jobs a machine would take: the one that it runs, and those that wait for nothing but their turn.
import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';
import type { Tables } from '../database/schema.ts';
import { maxRetryMs } from './lifecycle.ts';

type Jobs = ExpressionBuilder<Tables, 'jobs'>;

/** Not held, and not before its time. A time that lies further ahead than any job is put off is of a clock that was set back since. */
export function isDue(where: Jobs): ExpressionWrapper<Tables, 'jobs', SqlBool> {
  const [now, latest] = [0, maxRetryMs].map((ms) => new Date(Date.now() + ms).toISOString()) as [string, string];
  const notBefore = [where('jobs.notBefore', '<=', now), where('jobs.notBefore', '>', latest)];
  return where.and([where('jobs.held', 'is', null), where.or([where('jobs.notBefore', 'is', null), ...notBefore])]);
}

/** Its time is still to come; the same as above. */
export function isPutOff(notBefore: string | null, nowMs: number): boolean {
  const aheadMs = notBefore === null ? 0 : Date.parse(notBefore) - nowMs;
  return aheadMs > 0 && aheadMs <= maxRetryMs;
}

/** In the order of `state` backwards and `id` the first is the machine's: `running` sorts after `queued`. */
export function mayRun(where: Jobs): ExpressionWrapper<Tables, 'jobs', SqlBool> {
  return where.or([where('jobs.state', '=', 'running'), where.and([where('jobs.state', '=', 'queued'), isDue(where)])]);
}
