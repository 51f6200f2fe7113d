// How machines are turned on and off, and which of them are to be woken by every server that has an agent near them.
import { type AnyDatabase, textOf } from './dialect.ts';

export async function createPower(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema
    .createTable('machinePower')
    .addColumn('machineId', text, (column) => column.primaryKey().references('machines.id').onDelete('cascade'))
    .addColumn('settings', text, (column) => column.notNull())
    .addColumn('secret', text)
    .addColumn('state', text, (column) => column.notNull())
    .addColumn('stateAt', text)
    .execute();
  await db.schema
    .createTable('wakes')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('machineId', text, (column) => column.notNull().references('machines.id').onDelete('cascade'))
    .addColumn('at', text, (column) => column.notNull())
    .execute();
}
