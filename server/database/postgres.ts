// A PostgreSQL server as the database. It may be restarted while this server runs: whoever needs a connection then waits for it a while.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dialect, PostgresDialect, type PostgresPoolClient } from 'kysely';
import { Pool } from 'pg';
import { isConnectionLoss } from './connection-loss.ts';

const maxConnections = 10;
const connectWithinMs = 5000;
/** A restart takes seconds, a failover to another host somewhat more. */
const waitForMs = 30_000;
const pauseMs = 250;

export function openPostgres(url: string): Dialect {
  const pool = new Pool({
    connectionString: url,
    application_name: 'deploy-os',
    max: maxConnections,
    connectionTimeoutMillis: connectWithinMs,
    keepAlive: true,
  });
  // A connection that is lost is dropped by the pool, and whoever asks something on it hears of it by its own error. One that is lost
  // between two questions of a transaction would, without a listener, end this process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return new PostgresDialect({ pool: { connect: () => connect(pool), end: () => pool.end(), options: pool.options } });
}

/** @throws what the last try says; at once when it is no matter of waiting, such as a wrong password */
async function connect(pool: Pool): Promise<PostgresPoolClient> {
  const untilMs = performance.now() + waitForMs;
  for (;;) {
    try {
      return await pool.connect();
    } catch (thrown) {
      if (!isConnectionLoss(thrown) || performance.now() > untilMs || pool.ending) throw thrown;
    }
    await sleep(pauseMs);
  }
}
