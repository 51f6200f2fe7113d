// Scenarios that leave something open and can be changed, and jobs that know with which values they were asked for.
import { type AnyDatabase, textOf } from './dialect.ts';

export async function addParameters(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .alterTable('scenarios')
    .addColumn('parameters', text, (column) => column.notNull().defaultTo('[]'))
    .execute();
  await db.schema.alterTable('scenarios').addColumn('updatedAt', text).execute();
  await db.schema.alterTable('jobs').addColumn('parameters', text).execute();
}
