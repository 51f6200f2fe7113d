// What migrations need to know of the database they run on: SQLite and PostgreSQL differ in the words for a few things.
import {
  type ColumnDataType,
  type ColumnDefinitionBuilder,
  type Expression,
  type Kysely,
  PostgresAdapter,
  sql,
} from 'kysely';

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

/** A primary key that rises with every row and never comes again. In PostgreSQL a row with a smaller number may appear later. */
export function risingNumber(db: AnyDatabase): {
  readonly type: ColumnDataType;
  readonly build: (column: ColumnDefinitionBuilder) => ColumnDefinitionBuilder;
} {
  if (isPostgres(db)) return { type: 'bigserial', build: (column) => column.primaryKey() };
  return { type: 'integer', build: (column) => column.primaryKey().autoIncrement() };
}

type Noted = {
  readonly table: string;
  readonly kind: 'machine' | 'job' | 'imageCheck';
  /** The column that says which one. */
  readonly id?: string;
  /** Which changes of a row count: of statements that set one of the columns, those for which `when` holds (of `old` and `new`). */
  readonly updates?: readonly { readonly columns: readonly string[]; readonly when: string }[];
};

/** Each row that is made, removed, or changed as `updates` say is noted in the table `changes`. */
export async function onChange(db: AnyDatabase, { table, kind, updates = [], id = 'id' }: Noted): Promise<void> {
  const events = [
    { event: 'insert', row: 'new', condition: '' },
    { event: 'delete', row: 'old', condition: '' },
    ...updates.map(({ columns, when }) => ({
      event: `update of ${columns.map((column) => `"${column}"`).join(', ')}`,
      row: 'new',
      condition: `when (${when})`,
    })),
  ];
  for (const [index, { event, row, condition }] of events.entries()) {
    const name = `${table}_note_${index + 1}`;
    const insert = `insert into changes (kind, id) values ('${kind}', ${row}."${id}");`;
    if (isPostgres(db)) {
      const body = `begin ${insert} return null; end`;
      await sql.raw(`create function ${name}() returns trigger language plpgsql as $$ ${body} $$`).execute(db);
      const what = `after ${event} on "${table}" for each row ${condition}`;
      await sql.raw(`create trigger ${name} ${what} execute function ${name}()`).execute(db);
    } else {
      await sql.raw(`create trigger ${name} after ${event} on "${table}" ${condition} begin ${insert} end`).execute(db);
    }
  }
}
