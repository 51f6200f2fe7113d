// Which jobs a machine would take: the one that it runs, and those that wait for nothing but their turn.
import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';
import type { Tables } from '../database/schema.ts';

type Jobs = ExpressionBuilder<Tables, 'jobs'>;

/** Not held, and not before its time. */
export function isDue(where: Jobs): ExpressionWrapper<Tables, 'jobs', SqlBool> {
  const now = new Date().toISOString();
  return where.and([
    where('jobs.held', 'is', null),
    where.or([where('jobs.notBefore', 'is', null), where('jobs.notBefore', '<=', now)]),
  ]);
}

/** In the order of `state` backwards and `id` the first is the machine's: `running` sorts after `queued`. */
export function mayRun(where: Jobs): ExpressionWrapper<Tables, 'jobs', SqlBool> {
  return where.or([where('jobs.state', '=', 'running'), where.and([where('jobs.state', '=', 'queued'), isDue(where)])]);
}
