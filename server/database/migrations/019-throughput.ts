// How fast each job went, from its start to its end: a few hundred figures, kept apart from the jobs that lists read.
import type { Migration } from 'kysely/migration';
import { type AnyDatabase, textOf } from './dialect.ts';

export const throughput: Migration = {
  async up(db: AnyDatabase): Promise<void> {
    const text = textOf(db);
    await db.schema
      .createTable('jobThroughput')
      .addColumn('jobId', text, (column) => column.primaryKey().references('jobs.id').onDelete('cascade'))
      .addColumn('series', text, (column) => column.notNull())
      .execute();
  },
};
