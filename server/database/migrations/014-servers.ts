// The servers on one database, by which agents learn where else to go; and what lists of a hundred thousand jobs are read by.
import { type AnyDatabase, textOf } from './dialect.ts';

export async function createServers(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('servers')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('url', text, (column) => column.notNull())
    .addColumn('heardAt', text, (column) => column.notNull())
    .execute();
  await db.schema.createIndex('jobsByStateAndId').on('jobs').columns(['state', 'id']).execute();
  await db.schema.createIndex('jobsByMachineAndId').on('jobs').columns(['machineId', 'id']).execute();
}
