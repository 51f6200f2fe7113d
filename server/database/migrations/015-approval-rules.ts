// Rules by which machines are approved, and what they are given then.
import type { Migration } from 'kysely/migration';
import { type AnyDatabase, textOf } from './dialect.ts';

export const approvalRules: Migration = {
  async up(db: AnyDatabase): Promise<void> {
    const text = textOf(db);
    await db.schema
      .createTable('approvalRules')
      .addColumn('id', text, (column) => column.primaryKey())
      .addColumn('name', text, (column) => column.notNull())
      .addColumn('foldedName', text, (column) => column.notNull().unique())
      .addColumn('rules', text, (column) => column.notNull())
      .addColumn('order', 'integer', (column) => column.notNull())
      .addColumn('tags', text, (column) => column.notNull())
      .addColumn('groupId', text, (column) => column.references('machineGroups.id').onDelete('set null'))
      .addColumn('bootProfileId', text, (column) => column.references('bootProfiles.id').onDelete('set null'))
      .addColumn('createdAt', text, (column) => column.notNull())
      .addColumn('uses', 'integer', (column) => column.notNull())
      .addColumn('lastUsedAt', text)
      .execute();
  },
};
