// What migrations need to know of the database they run on: SQLite and PostgreSQL differ in the words for a few things.
import { type ColumnDataType, type Expression, type Kysely, PostgresAdapter, sql } from 'kysely';

export type AnyDatabase = Kysely<unknown>;

/** Text in the order of its bytes, as SQLite has it: ids and times are compared, and no locale of a database has a say in that. */
export function textOf(db: AnyDatabase): ColumnDataType | Expression<string> {
  return isPostgres(db) ? sql`text collate "C"` : 'text';
}

function isPostgres(db: AnyDatabase): boolean {
  return db.getExecutor().adapter instanceof PostgresAdapter;
}

/** Whoever speaks for the server to the database can add rows to the table and no more, as long as the triggers are there. */
export async function onlyAppend(db: AnyDatabase, table: string): Promise<void> {
  const message = `rows of ${table} are never changed`;
  if (isPostgres(db)) {
    const refuse = `${table}_only_append`;
    const body = `begin raise exception '${message}'; end`;
    await sql.raw(`create function ${refuse}() returns trigger language plpgsql as $$ ${body} $$`).execute(db);
    const when = `before update or delete or truncate on ${table} for each statement`;
    await sql.raw(`create trigger ${refuse} ${when} execute function ${refuse}()`).execute(db);
    return;
  }
  for (const event of ['update', 'delete']) {
    const refuse = `begin select raise(abort, '${message}'); end`;
    await sql.raw(`create trigger ${table}_no_${event} before ${event} on ${table} ${refuse}`).execute(db);
  }
}
