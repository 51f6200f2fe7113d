// Roles of people on groups of machines.
import type { Migration } from 'kysely/migration';
import { type AnyDatabase, textOf } from './dialect.ts';

export const roleGrants: Migration = {
  async up(db: AnyDatabase): Promise<void> {
    const text = textOf(db);
    await db.schema
      .createTable('roleGrants')
      .addColumn('userId', text, (column) => column.notNull().references('users.id').onDelete('cascade'))
      .addColumn('groupId', text, (column) => column.notNull().references('machineGroups.id').onDelete('cascade'))
      .addColumn('role', text, (column) => column.notNull())
      .addColumn('createdAt', text, (column) => column.notNull())
      .addPrimaryKeyConstraint('roleGrantsKey', ['userId', 'groupId'])
      .execute();
  },
};
