// Opens the embedded database and brings its schema up to this version.
import { open } from 'node:fs/promises';
import DatabaseFile from 'better-sqlite3';
import { Kysely, SqliteDialect, sql } from 'kysely';
import { Migrator } from 'kysely/migration';
import { DeployError, toDeployError } from '../../protocol/errors.ts';
import { migrations } from './migrations.ts';
import type { Database, Tables } from './schema.ts';

/** @throws DeployError store-io when the file cannot be opened; store-version when a newer version has changed its schema. */
export async function openDatabase(filePath: string): Promise<Database> {
  try {
    // Made here, so that it and the files that SQLite puts beside it are the owner's only.
    await (await open(filePath, 'a', 0o600)).close();
    const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: openFile(filePath) }) });
    await requireKnownVersion(db, filePath);
    const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    return db;
  } catch (thrown) {
    throw toDeployError(thrown, 'store-io').during(`opening the database ${filePath}`);
  }
}

async function requireKnownVersion(db: Kysely<Tables>, filePath: string): Promise<void> {
  const tables = await db.introspection.getTables({ withInternalKyselyTables: true });
  if (!tables.some((table) => table.name === 'kysely_migration')) return;
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const unknown = rows.find(({ name }) => !Object.hasOwn(migrations, name));
  if (unknown === undefined) return;
  await db.destroy();
  throw new DeployError('store-version', `${filePath} was changed by a newer version (${unknown.name})`, {
    hint: 'Start that version again, or restore a backup made before the upgrade.',
  });
}

function openFile(filePath: string): DatabaseFile.Database {
  const file = new DatabaseFile(filePath);
  // WAL lets readers go on beside a writer; FULL because a lease or a result that was answered must outlive a power cut.
  file.pragma('journal_mode = WAL');
  file.pragma('synchronous = FULL');
  file.pragma('foreign_keys = ON');
  file.pragma('busy_timeout = 5000');
  return file;
}
