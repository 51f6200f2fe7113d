// How quickly the database answers, statement by statement.
import type { LogEvent } from 'kysely';
import type { Metrics } from './metrics.ts';

export function countQueries(metrics: Metrics): (event: LogEvent) => void {
  return ({ level, queryDurationMillis }) => {
    metrics.observeSeconds('deploy_os_database_query_seconds', {}, queryDurationMillis / 1000);
    if (level === 'error') metrics.count('deploy_os_database_errors_total', {});
  };
}
