// Holds, retries and batches of jobs, and to which server the agent of a machine is connected.
import { sql } from 'kysely';
import { type AnyDatabase, textOf } from './dialect.ts';

export async function addJobHolds(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('batches')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('key', text, (column) => column.unique())
    .addColumn('requestDigest', text, (column) => column.notNull())
    .addColumn('scenarioId', text, (column) => column.notNull())
    .addColumn('scenarioName', text, (column) => column.notNull())
    .addColumn('requestedBy', text)
    .addColumn('createdAt', text, (column) => column.notNull())
    .execute();
  // One by one: SQLite adds a column at a time.
  for (const name of ['held', 'requestedBy', 'batchId', 'requestKey', 'requestDigest', 'retryOf', 'notBefore']) {
    await db.schema.alterTable('jobs').addColumn(name, text).execute();
  }
  await db.schema
    .alterTable('jobs')
    .addColumn('retries', 'integer', (column) => column.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable('machines').addColumn('serverId', text).execute();
  await db.schema.createIndex('jobsByBatch').on('jobs').columns(['batchId', 'id']).execute();
  await db.schema.createIndex('jobsByCreation').on('jobs').columns(['createdAt', 'id']).execute();
  await db.schema
    .createIndex('oneJobPerKey')
    .unique()
    .on('jobs')
    .column('requestKey')
    .where(sql<boolean>`${sql.ref('requestKey')} is not null`)
    .execute();
}
