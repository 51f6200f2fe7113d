// Tags and groups of machines, the MAC addresses that they were seen with, and what of them is searched and asked by rules.
import { type AnyDatabase, textOf } from './dialect.ts';

export async function createGroups(db: AnyDatabase): Promise<void> {
  const text = textOf(db);
  await db.schema.alterTable('machines').addColumn('address', text).execute();
  await db.schema
    .createTable('machineTags')
    .addColumn('machineId', text, (column) => column.notNull().references('machines.id').onDelete('cascade'))
    .addColumn('foldedTag', text, (column) => column.notNull())
    .addColumn('tag', text, (column) => column.notNull())
    .addPrimaryKeyConstraint('machineTagsKey', ['machineId', 'foldedTag'])
    .execute();
  await db.schema.createIndex('machinesByTag').on('machineTags').columns(['foldedTag']).execute();
  await db.schema
    .createTable('machineMacs')
    .addColumn('machineId', text, (column) => column.notNull().references('machines.id').onDelete('cascade'))
    .addColumn('mac', text, (column) => column.notNull())
    .addColumn('seenAt', text, (column) => column.notNull())
    .addPrimaryKeyConstraint('machineMacsKey', ['machineId', 'mac'])
    .execute();
  await db.schema.createIndex('machinesByMac').on('machineMacs').columns(['mac']).execute();
  // In a table of their own, which is small: a search reads all of it, and nothing of the inventories.
  await db.schema
    .createTable('machineFacts')
    .addColumn('machineId', text, (column) => column.primaryKey().references('machines.id').onDelete('cascade'))
    .addColumn('facts', text, (column) => column.notNull())
    .addColumn('search', text, (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('machineGroups')
    .addColumn('id', text, (column) => column.primaryKey())
    .addColumn('name', text, (column) => column.notNull())
    .addColumn('foldedName', text, (column) => column.notNull().unique())
    .addColumn('rules', text, (column) => column.notNull())
    .addColumn('createdAt', text, (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('groupMembers')
    .addColumn('groupId', text, (column) => column.notNull().references('machineGroups.id').onDelete('cascade'))
    .addColumn('machineId', text, (column) => column.notNull().references('machines.id').onDelete('cascade'))
    .addColumn('kind', text, (column) => column.notNull())
    .addPrimaryKeyConstraint('groupMembersKey', ['groupId', 'machineId', 'kind'])
    .execute();
  await db.schema.createIndex('groupsByMachine').on('groupMembers').columns(['machineId']).execute();
}
