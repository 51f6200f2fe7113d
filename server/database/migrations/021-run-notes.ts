// What became of a schedule's time by codes, beside the sentences; runs of before have sentences only.
import type { Migration } from 'kysely/migration';
import { type AnyDatabase, textOf } from './dialect.ts';

export const runNotes: Migration = {
  async up(db: AnyDatabase): Promise<void> {
    const text = textOf(db);
    await db.schema
      .alterTable('scheduleRuns')
      .addColumn('notes', text, (column) => column.notNull().defaultTo('[]'))
      .execute();
  },
};
