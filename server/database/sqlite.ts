// The embedded database: one file, one server.
import { open } from 'node:fs/promises';
import DatabaseFile from 'better-sqlite3';
import { type Dialect, SqliteDialect } from 'kysely';

/** @throws errors of the file system and of SQLite */
export async function openSqlite(filePath: string): Promise<Dialect> {
  // Made here, so that it and the files that SQLite puts beside it are the owner's only.
  await (await open(filePath, 'a', 0o600)).close();
  const file = new DatabaseFile(filePath);
  // WAL lets readers go on beside a writer; FULL because a lease or a result that was answered must outlive a power cut.
  file.pragma('journal_mode = WAL');
  file.pragma('synchronous = FULL');
  file.pragma('foreign_keys = ON');
  file.pragma('busy_timeout = 5000');
  return new SqliteDialect({ database: file });
}
