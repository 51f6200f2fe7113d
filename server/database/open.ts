// Opens the database and brings its schema up to this version.
import { Kysely, type LogEvent, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { isConnectionLoss } from './connection-loss.ts';
import { type DatabaseLocation, describeLocation } from './location.ts';
import { migrations } from './migrations.ts';
import { openPostgres } from './postgres.ts';
import type { Database, Tables } from './schema.ts';
import { openSqlite } from './sqlite.ts';

/**
 * @throws DeployError store-io when it cannot be opened; database-unavailable when nobody answers there; store-version when a newer version
 * has changed its schema.
 */
export async function openDatabase(location: DatabaseLocation, onQuery?: (event: LogEvent) => void): Promise<Database> {
  const place = describeLocation(location);
  let db: Kysely<Tables> | undefined;
  try {
    const dialect = location.kind === 'sqlite' ? await openSqlite(location.path) : openPostgres(location.url);
    db = new Kysely<Tables>({ dialect, ...(onQuery === undefined ? {} : { log: onQuery }) });
    await requireKnownVersion(db, place);
    // Several servers that start at once on one PostgreSQL do this one after the other.
    const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    return db;
  } catch (thrown) {
    await db?.destroy();
    throw toDeployError(thrown, isConnectionLoss(thrown) ? 'database-unavailable' : 'store-io').during(
      `opening the database ${place}`,
    );
  }
}

async function requireKnownVersion(db: Kysely<Tables>, place: string): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return;
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const unknown = rows.find(({ name }) => !Object.hasOwn(migrations, name));
  if (unknown === undefined) return;
  throw new DeployError('store-version', `${place} was changed by a newer version (${unknown.name})`, {
    hint: 'Start that version again, or restore a backup made before the upgrade.',
  });
}
